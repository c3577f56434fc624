-- relation t0 (PostgreSQL), types {'c1': 'DECIMAL(38, 2)'}
  SELECT t0."account" AS c0, nullif(nullif(nullif(t0."amount"::text, 'NaN'), 'Infinity'), '-Infinity') AS c1, t0."day" AS part
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
  SELECT t0.c0 AS k0, true AS excused, count(*) AS n, count((t0.c1 * t1.c2)) AS a0, sum((t0.c1 * t1.c2)) AS a1
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c0
  GROUP BY 1, 2
), members AS (
  SELECT t1.c0 AS k0, CASE WHEN t2.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t2.c0 AS recipient, CAST(t1.c0 AS string) AS g0, t1.c0 AS o0
  FROM t1
  LEFT JOIN t2 ON t2.c1 = t1.c1
), detail AS (
  SELECT CASE WHEN m.kind IS NULL THEN CASE WHEN f.excused THEN 3 ELSE 0 END ELSE m.kind END AS kind, CASE WHEN m.kind IS NULL THEN 'Nobody' ELSE m.recipient END AS recipient, m.g0, m.o0, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END AS segment, f.n, f.a0, f.a1
  FROM members m FULL JOIN figures f ON f.k0 = m.k0
)
SELECT kind, recipient, g0, segment, n, CAST(a0 AS string), CAST(a1 AS string)
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient, o0 NULLS FIRST, g0 NULLS FIRST, segment;
