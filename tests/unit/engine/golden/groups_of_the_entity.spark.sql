-- relation t0 (PostgreSQL), types {'c2': 'DECIMAL(38, 2)', 'c5': 'DECIMAL(38, 2)'}
  SELECT t0."kind"::text AS c0, t0."amount"::text AS c1, nullif(nullif(nullif(t0."amount"::text, 'NaN'), 'Infinity'), '-Infinity') AS c2, t0."account" AS c3, width_bucket(t0."day", ARRAY[DATE '2026-10-01', DATE '2026-11-01']) AS segment, nullif(nullif(nullif((CASE WHEN t0."day" >= DATE '2026-10-01' THEN t0."amount" END)::numeric::text, 'NaN'), 'Infinity'), '-Infinity') AS c5, t0."day" AS part
  FROM "Fees"."fee" t0
  WHERE t0."day" < DATE '2026-11-01';

-- relation t1 (PostgreSQL), types {}
  SELECT t1."id" AS c0, t1."bank"::text AS c1, t1."id" AS part
  FROM "Fees"."account" t1;

-- relation t2 (PostgreSQL), types {}
  SELECT t2."name"::text AS c0, t2."code"::text AS c1
  FROM "Fees"."bank" t2;

-- aggregates
WITH figures AS (
  SELECT t0.c0 AS c0, t0.c1 AS c1, t0.c2 AS c2, t0.c3 AS c3, (t0.segment & 1) > 0 AS b0, count(*) AS n, sum(t0.c5) AS a0
  FROM t0
  GROUP BY 1, 2, 3, 4, 5
), detail AS (
  SELECT CASE WHEN CASE WHEN t2.c1 IS NOT NULL THEN t2.c0 ELSE 'Nobody\'s' END IS NOT NULL AND (t2.c1 IS NOT NULL OR NOT t1.c0 IS NOT NULL) THEN 2 ELSE 0 END AS kind, CASE WHEN t2.c1 IS NOT NULL THEN t2.c0 ELSE 'Nobody\'s' END AS recipient, t0.c0 AS g0, t0.c1 AS g1, t0.c2 AS o1, CASE WHEN t0.b0 THEN 1 ELSE 0 END AS segment, t0.n, t0.a0
  FROM figures t0
  LEFT JOIN t1 ON t1.c0 = t0.c3
  LEFT JOIN t2 ON t2.c1 = t1.c1
)
SELECT kind, recipient, g0, g1, segment, CAST(sum(n) AS bigint), CAST(sum(a0) AS string)
FROM detail
GROUP BY kind, recipient, g0, g1, o1, segment
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient, g0 NULLS FIRST, o1 NULLS FIRST, g1 NULLS FIRST, segment;
