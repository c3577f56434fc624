-- control totals
WITH t0 AS NOT MATERIALIZED (
  SELECT 1 AS c0
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-10-01' AND t0."day" < DATE '2026-11-01'
)
SELECT 1, count(*)
  FROM t0;

-- recipients
WITH t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code"::text AS c1
  FROM "Fees"."bank" t2
)
SELECT t2.c0, count(*), min(t2.c1)
  FROM t2
  WHERE t2.c0 IS NOT NULL
  GROUP BY 1;

-- keys of t2 that are not unique
SELECT count(*) FROM (
  SELECT "code" FROM "Fees"."bank"
  WHERE "code" IS NOT NULL GROUP BY "code" HAVING count(*) > 1
) repeated;

-- listing
WITH t0 AS NOT MATERIALIZED (
  SELECT t0."id" AS c0, t0."amount"::text AS c1, t0."account" AS c2
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-10-01' AND t0."day" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."rate"::text AS c1, t1."bank" AS c2
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code" AS c1
  FROM "Fees"."bank" t2
), detail AS (
  SELECT CASE WHEN t2.c0 IS NOT NULL AND t1.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t2.c0 AS recipient, 1 AS segment,
    CAST(t0.c0 AS text) AS v0, t0.c1 AS v1, t1.c1 AS v2, t0.c0 AS p0
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c2
  LEFT JOIN t2 ON t2.c1 = t1.c2
)
SELECT kind, recipient, segment, v0, v1, v2
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient COLLATE "C", p0;
