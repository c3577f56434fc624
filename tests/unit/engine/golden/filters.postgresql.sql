-- control totals
WITH t0 AS NOT MATERIALIZED (
  SELECT CASE WHEN t1."closed" IS NOT NULL THEN 1 END AS segment, t0."amount" AS c1, t0."account" AS c2
  FROM "Fees"."fee" t0
  LEFT JOIN "Fees"."account" t1 ON t1."id" = t0."account"
  WHERE (t1."closed" >= TIMESTAMPTZ '2026-09-30T22:00:00+00:00' AND t1."closed" < TIMESTAMPTZ '2026-10-31T23:00:00+00:00' OR t1."closed" IS NULL)
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."rate" AS c1
  FROM "Fees"."account" t1
)
SELECT t0.segment, count(*), CAST(sum(t0.c1) AS text)
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c2
  WHERE ((t1.c1 < 0.5) OR NOT (t1.c0 IS NOT NULL))
GROUP BY 1;

-- recipients
WITH t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code"::text AS c1, (t2."active") IS TRUE AS c2
  FROM "Fees"."bank" t2
)
SELECT t2.c0, count(*), min(t2.c1)
  FROM t2
  WHERE t2.c0 IS NOT NULL AND t2.c2
  GROUP BY 1;

-- groups without a recipient
WITH t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."bank" AS c1
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code" AS c1, (t2."active") IS TRUE AS c2
  FROM "Fees"."bank" t2
), members AS (
  SELECT t1.c0 AS k0, CASE WHEN t2.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN CASE WHEN t2.c2 THEN 2 ELSE 1 END ELSE 0 END AS kind, t2.c0 AS recipient, CAST(t1.c0 AS text) AS g0, t1.c0 AS o0
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
  LEFT JOIN "Fees"."account" t1 ON t1."id" = t0."account"
  WHERE t1."closed" >= TIMESTAMPTZ '2026-09-30T22:00:00+00:00' AND t1."closed" < TIMESTAMPTZ '2026-10-31T23:00:00+00:00'
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."bank" AS c1, t1."rate" AS c2
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code" AS c1, (t2."active") IS TRUE AS c2
  FROM "Fees"."bank" t2
), figures AS (
  SELECT t0.c0 AS k0, count(*) AS n, sum(t0.c1) AS a0
  FROM t0
  JOIN t1 ON t1.c0 = t0.c0
  WHERE ((t1.c2 < 0.5) OR NOT (t1.c0 IS NOT NULL))
  GROUP BY 1
), members AS (
  SELECT t1.c0 AS k0, CASE WHEN t2.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN CASE WHEN t2.c2 THEN 2 ELSE 1 END ELSE 0 END AS kind, t2.c0 AS recipient, CAST(t1.c0 AS text) AS g0, t1.c0 AS o0
  FROM t1
  LEFT JOIN t2 ON t2.c1 = t1.c1
), detail AS (
  SELECT coalesce(m.kind, 0) AS kind, m.recipient AS recipient, m.g0, m.o0, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END AS segment, f.n, f.a0
  FROM members m FULL JOIN figures f ON f.k0 = m.k0
  WHERE m.kind = 2 OR f.n IS NOT NULL
  UNION ALL
  SELECT -1, NULL, NULL, NULL, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END, sum(f.n), sum(f.a0) FROM figures f GROUP BY CASE WHEN f.n IS NULL THEN 0 ELSE 1 END
)
SELECT kind, recipient, g0, segment, n, CAST(a0 AS text)
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient COLLATE "C", o0 NULLS FIRST, g0 COLLATE "C" NULLS FIRST, segment;

-- rows that the inner joins leave out
WITH t0 AS NOT MATERIALIZED (
  SELECT t0."amount" AS c0, t0."account" AS c1
  FROM "Fees"."fee" t0
  LEFT JOIN "Fees"."account" t1 ON t1."id" = t0."account"
  WHERE t1."closed" >= TIMESTAMPTZ '2026-09-30T22:00:00+00:00' AND t1."closed" < TIMESTAMPTZ '2026-10-31T23:00:00+00:00'
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."rate" AS c1
  FROM "Fees"."account" t1
)
SELECT 1, count(*) AS n, CAST(sum(t0.c0) AS text)
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c1
  WHERE ((t1.c1 < 0.5) OR NOT (t1.c0 IS NOT NULL))
  AND NOT (t1.c0 IS NOT NULL)
GROUP BY 1;
