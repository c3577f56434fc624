-- relation t0 (PostgreSQL), types {}
  SELECT t0."id" AS c0, t0."amount"::text AS c1, t0."account" AS c2, t0."day" AS part
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-10-01' AND t0."day" < DATE '2026-11-01';

-- relation t1 (PostgreSQL), types {}
  SELECT t1."id" AS c0, t1."rate"::text AS c1, t1."bank"::text AS c2, t1."id" AS part
  FROM "Fees"."account" t1;

-- relation t2 (PostgreSQL), types {}
  SELECT t2."name"::text AS c0, t2."code"::text AS c1
  FROM "Fees"."bank" t2;

-- listing
WITH detail AS (
  SELECT CASE WHEN t2.c0 IS NOT NULL AND t1.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t2.c0 AS recipient, 1 AS segment,
    CAST(t0.c0 AS string) AS v0, t0.c1 AS v1, t1.c1 AS v2, t0.c0 AS p0
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c2
  LEFT JOIN t2 ON t2.c1 = t1.c2
)
SELECT kind, recipient, segment, v0, v1, v2
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient, p0;
