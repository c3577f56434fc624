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

-- groups without a recipient
WITH t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."bank" AS c1
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code" AS c1
  FROM "Fees"."bank" t2
), members AS (
  SELECT t1.c0 AS k0, CASE WHEN t2.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t2.c0 AS recipient, CAST(t1.c0 AS text) AS g0, t1.c0 AS o0
  FROM t1
  LEFT JOIN t2 ON t2.c1 = t1.c1
)
SELECT count(*)
FROM members
WHERE kind = 0;

-- keys of t2 that are not unique
SELECT count(*) FROM (
  SELECT "code" FROM "Fees"."bank"
  WHERE "code" IS NOT NULL GROUP BY "code" HAVING count(*) > 1
) repeated;

-- aggregates
WITH t0 AS NOT MATERIALIZED (
  SELECT t0."account" AS c0, t0."amount" AS c1
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-10-01' AND t0."day" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."bank" AS c1, t1."rate" AS c2
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code" AS c1
  FROM "Fees"."bank" t2
), figures AS (
  SELECT t0.c0 AS k0, true AS excused, count(*) AS n, count((t0.c1 * t1.c2)) AS a0, sum((t0.c1 * t1.c2)) AS a1
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c0
  GROUP BY 1, 2
), members AS (
  SELECT t1.c0 AS k0, CASE WHEN t2.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t2.c0 AS recipient, CAST(t1.c0 AS text) AS g0, t1.c0 AS o0
  FROM t1
  LEFT JOIN t2 ON t2.c1 = t1.c1
), detail AS (
  SELECT CASE WHEN m.kind IS NULL THEN CASE WHEN f.excused THEN 3 ELSE 0 END ELSE m.kind END AS kind, CASE WHEN m.kind IS NULL THEN 'Nobody' ELSE m.recipient END AS recipient, m.g0, m.o0, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END AS segment, f.n, f.a0, f.a1
  FROM members m FULL JOIN figures f ON f.k0 = m.k0
  UNION ALL
  SELECT -1, NULL, NULL, NULL, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END, sum(f.n), sum(f.a0), sum(f.a1) FROM figures f GROUP BY CASE WHEN f.n IS NULL THEN 0 ELSE 1 END
)
SELECT kind, recipient, g0, segment, n, CAST(a0 AS text), CAST(a1 AS text)
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient COLLATE "C", o0 NULLS FIRST, g0 COLLATE "C" NULLS FIRST, segment;
