-- control totals
WITH t0 AS NOT MATERIALIZED (
  SELECT t0."amount" AS c0
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-10-01' AND t0."day" < DATE '2026-11-01'
)
SELECT 1, count(*), CAST(sum(t0.c0) AS text)
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

-- aggregates
WITH t0 AS NOT MATERIALIZED (
  SELECT t0."kind"::text AS c0, t0."amount"::text AS c1, t0."amount" AS c2, t0."account" AS c3, width_bucket(t0."day", ARRAY[DATE '2026-10-01', DATE '2026-11-01']) AS segment, CASE WHEN t0."day" >= DATE '2026-10-01' THEN t0."amount" END AS c5
  FROM "Fees"."fee" t0
  WHERE t0."day" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."bank" AS c1
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code" AS c1
  FROM "Fees"."bank" t2
), figures AS (
  SELECT t0.c0 AS c0, t0.c1 AS c1, t0.c2 AS c2, t0.c3 AS c3, (t0.segment & 1) > 0 AS b0, count(*) AS n, sum(t0.c5) AS a0
  FROM t0
  GROUP BY 1, 2, 3, 4, 5
), detail AS (
  SELECT CASE WHEN CASE WHEN t2.c1 IS NOT NULL THEN t2.c0 ELSE 'Nobody''s' END IS NOT NULL AND (t2.c1 IS NOT NULL OR NOT t1.c0 IS NOT NULL) THEN 2 ELSE 0 END AS kind, CASE WHEN t2.c1 IS NOT NULL THEN t2.c0 ELSE 'Nobody''s' END AS recipient, t0.c0 AS g0, t0.c1 AS g1, t0.c2 AS o1, CASE WHEN t0.b0 THEN 1 ELSE 0 END AS segment, t0.n, t0.a0
  FROM figures t0
  LEFT JOIN t1 ON t1.c0 = t0.c3
  LEFT JOIN t2 ON t2.c1 = t1.c1
)
SELECT kind, recipient, g0, g1, segment, CAST(sum(n) AS bigint), CAST(sum(a0) AS text)
FROM detail
GROUP BY kind, recipient, g0, g1, o1, segment
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient COLLATE "C", g0 COLLATE "C" NULLS FIRST, o1 NULLS FIRST, g1 COLLATE "C" NULLS FIRST, segment;
