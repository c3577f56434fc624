-- relation t0 (PostgreSQL), types {'c1': 'DECIMAL(38, 2)', 'c2': 'DECIMAL(38, 2)'}
  SELECT t0."account" AS c0, nullif(nullif(nullif(t0."amount"::text, 'NaN'), 'Infinity'), '-Infinity') AS c1, nullif(nullif(nullif((CASE WHEN (t0."kind" = 'a') THEN t0."amount" END)::numeric::text, 'NaN'), 'Infinity'), '-Infinity') AS c2, t0."day" AS part
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-10-01' AND t0."day" < DATE '2026-11-01';

-- relation t1 (PostgreSQL), types {'c2': 'DECIMAL(38, 4)'}
  SELECT t1."id" AS c0, t1."bank"::text AS c1, nullif(nullif(nullif(t1."rate"::text, 'NaN'), 'Infinity'), '-Infinity') AS c2, t1."id" AS part
  FROM "Fees"."account" t1;

-- relation t2 (PostgreSQL), types {}
  SELECT t2."name"::text AS c0, t2."code"::text AS c1
  FROM "Fees"."bank" t2;

-- aggregates
WITH figures AS (
  SELECT t0.c0 AS k0, t1.c0 IS NOT NULL AS measured, count(*) AS n, count((t0.c1 * t1.c2)) AS a0, sum((t0.c1 * t1.c2)) AS a1, count(t0.c2) AS a2, sum(t0.c2) AS a3, min(t0.c2) AS a4, max(t0.c2) AS a5, sum(CASE WHEN (t0.c2 BETWEEN -1000000000000 AND 1000000000000) THEN CAST(t0.c2 AS DECIMAL(38, 2)) * t0.c2 END) AS a6, sum(CASE WHEN NOT (t0.c2 BETWEEN -1000000000000 AND 1000000000000) THEN CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 27, 13) AS DECIMAL(13, 0)) * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 27, 13) AS DECIMAL(13, 0)) END) AS a7, sum(CASE WHEN NOT (t0.c2 BETWEEN -1000000000000 AND 1000000000000) THEN 2 * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 27, 13) AS DECIMAL(13, 0)) * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 14, 13) AS DECIMAL(13, 0)) END) AS a8, sum(CASE WHEN NOT (t0.c2 BETWEEN -1000000000000 AND 1000000000000) THEN 2 * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 27, 13) AS DECIMAL(13, 0)) * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 1, 13) AS DECIMAL(13, 0)) + CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 14, 13) AS DECIMAL(13, 0)) * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 14, 13) AS DECIMAL(13, 0)) END) AS a9, sum(CASE WHEN NOT (t0.c2 BETWEEN -1000000000000 AND 1000000000000) THEN 2 * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 14, 13) AS DECIMAL(13, 0)) * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 1, 13) AS DECIMAL(13, 0)) END) AS a10, sum(CASE WHEN NOT (t0.c2 BETWEEN -1000000000000 AND 1000000000000) THEN CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 1, 13) AS DECIMAL(13, 0)) * CAST(substr(lpad(translate(CAST(CAST(t0.c2 AS DECIMAL(38, 2)) AS string), '-.', ''), 39, '0'), 1, 13) AS DECIMAL(13, 0)) END) AS a11, count(CASE WHEN CASE WHEN (t1.c2 > 1) THEN t0.c1 END THEN 1 END) AS a12
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c0
  GROUP BY 1, 2
), members AS (
  SELECT true AS measured, t1.c0 AS k0, CASE WHEN t2.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t2.c0 AS recipient, CAST(t1.c0 AS string) AS g0, t1.c0 AS o0
  FROM t1
  LEFT JOIN t2 ON t2.c1 = t1.c1
), detail AS (
  SELECT coalesce(m.kind, 0) AS kind, m.recipient AS recipient, m.g0, m.o0, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END AS segment, f.n, f.a0, f.a1, f.a2, f.a3, f.a4, f.a5, f.a6, f.a7, f.a8, f.a9, f.a10, f.a11, f.a12
  FROM members m FULL JOIN figures f ON f.k0 = m.k0 AND f.measured = m.measured
)
SELECT kind, recipient, g0, segment, n, CAST(a0 AS string), CAST(a1 AS string), CAST(a2 AS string), CAST(a3 AS string), CAST(a4 AS string), CAST(a5 AS string), CAST(a6 AS string), CAST(a7 AS string), CAST(a8 AS string), CAST(a9 AS string), CAST(a10 AS string), CAST(a11 AS string), CAST(a12 AS string)
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient, o0 NULLS FIRST, g0 NULLS FIRST, segment;
