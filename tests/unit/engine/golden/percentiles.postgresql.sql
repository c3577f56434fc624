-- control totals
WITH t0 AS NOT MATERIALIZED (
  SELECT width_bucket(t0."day", ARRAY[DATE '2026-08-01', DATE '2026-09-01', DATE '2026-10-01', DATE '2026-11-01']) AS segment, t0."amount" AS c1
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-08-01' AND t0."day" < DATE '2026-11-01'
)
SELECT t0.segment, count(*), CAST(sum(t0.c1) AS text)
  FROM t0
GROUP BY 1;

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
WITH t2 AS NOT MATERIALIZED (
  SELECT t2."code" AS c0, t2."name"::text AS c1, t2."since"::text AS c2, t2."since" AS c3
  FROM "Fees"."bank" t2
), members AS (
  SELECT t2.c0 AS k0, CASE WHEN t2.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t2.c1 AS recipient, t2.c2 AS g0, t2.c3 AS o0
  FROM t2
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
  SELECT width_bucket(t0."day", ARRAY[DATE '2026-08-01', DATE '2026-09-01', DATE '2026-10-01', DATE '2026-11-01']) AS segment, t0."account" AS c1, t0."amount" AS c2
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-08-01' AND t0."day" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."bank" AS c0, t1."id" AS c1
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."code" AS c0, t2."name"::text AS c1, t2."since"::text AS c2, t2."since" AS c3
  FROM "Fees"."bank" t2
), figures AS (
  SELECT t1.c0 AS k0, (t0.segment & 1) > 0 AS b0, (t0.segment & 2) > 0 AS b1, count(*) AS n, sum(t0.c2) AS a0
  FROM t0
  JOIN t1 ON t1.c1 = t0.c1
  GROUP BY 1, 2, 3
), members AS (
  SELECT t2.c0 AS k0, CASE WHEN t2.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t2.c1 AS recipient, t2.c2 AS g0, t2.c3 AS o0
  FROM t2
), detail AS (
  SELECT coalesce(m.kind, 0) AS kind, m.recipient AS recipient, m.g0, m.o0, CASE WHEN f.b0 THEN 1 ELSE 0 END + CASE WHEN f.b1 THEN 2 ELSE 0 END AS segment, f.n, f.a0
  FROM members m FULL JOIN figures f ON f.k0 = m.k0
  UNION ALL
  SELECT -1, NULL, NULL, NULL, CASE WHEN f.b0 THEN 1 ELSE 0 END + CASE WHEN f.b1 THEN 2 ELSE 0 END, sum(f.n), sum(f.a0) FROM figures f GROUP BY CASE WHEN f.b0 THEN 1 ELSE 0 END + CASE WHEN f.b1 THEN 2 ELSE 0 END
)
SELECT kind, recipient, g0, segment, n, CAST(a0 AS text)
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient COLLATE "C", o0 NULLS FIRST, g0 COLLATE "C" NULLS FIRST, segment;

-- rows that the inner joins leave out
WITH t0 AS NOT MATERIALIZED (
  SELECT width_bucket(t0."day", ARRAY[DATE '2026-08-01', DATE '2026-09-01', DATE '2026-10-01', DATE '2026-11-01']) AS segment, t0."amount" AS c1, t0."account" AS c2
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-08-01' AND t0."day" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0
  FROM "Fees"."account" t1
)
SELECT t0.segment, count(*) AS n, CAST(sum(t0.c1) AS text)
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c2
  WHERE NOT (t1.c0 IS NOT NULL)
GROUP BY 1;

-- windows of single values
WITH t0 AS NOT MATERIALIZED (
  SELECT width_bucket(t0."day", ARRAY[DATE '2026-08-01', DATE '2026-09-01', DATE '2026-10-01', DATE '2026-11-01']) AS segment, t0."amount" AS c1, t0."account" AS c2
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-08-01' AND t0."day" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."bank" AS c1
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code" AS c1, t2."since"::text AS c2, t2."since" AS c3
  FROM "Fees"."bank" t2
), spans AS (
  SELECT 0 AS period, 1 AS first_segment, 2 AS last_segment UNION ALL SELECT 1 AS period, 2 AS first_segment, 3 AS last_segment
), detail AS (
  SELECT t2.c0 AS recipient, t2.c2 AS g0, t2.c3 AS o0, t0.segment AS segment,
    t0.c1 AS v
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c2
  LEFT JOIN t2 ON t2.c1 = t1.c1
  WHERE t2.c0 IS NOT NULL AND t1.c0 IS NOT NULL AND t2.c1 IS NOT NULL
), ranked AS (
  SELECT recipient, g0, o0, period, v,
    row_number() OVER (PARTITION BY recipient, g0, o0, period ORDER BY v) AS r, count(*) OVER (PARTITION BY recipient, g0, o0, period) AS n
  FROM detail JOIN spans ON segment BETWEEN first_segment AND last_segment
  WHERE v IS NOT NULL
)
SELECT recipient, g0, period, count(*), CAST(min(CASE WHEN (r - 1) * 2 <= 1 * (n - 1) AND 1 * (n - 1) < r * 2 THEN v END) AS text), CAST(min(CASE WHEN (r - 2) * 2 < 1 * (n - 1) AND 1 * (n - 1) <= (r - 1) * 2 THEN v END) AS text), CAST(min(CASE WHEN (r - 1) * 20 <= 19 * (n - 1) AND 19 * (n - 1) < r * 20 THEN v END) AS text), CAST(min(CASE WHEN (r - 2) * 20 < 19 * (n - 1) AND 19 * (n - 1) <= (r - 1) * 20 THEN v END) AS text)
FROM ranked
GROUP BY recipient, g0, o0, period
ORDER BY recipient COLLATE "C", o0 NULLS FIRST, g0 COLLATE "C" NULLS FIRST, period;

-- windows of single values
WITH t0 AS NOT MATERIALIZED (
  SELECT width_bucket(t0."day", ARRAY[DATE '2026-08-01', DATE '2026-09-01', DATE '2026-10-01', DATE '2026-11-01']) AS segment, t0."amount" AS c1, t0."account" AS c2
  FROM "Fees"."fee" t0
  WHERE t0."day" >= DATE '2026-08-01' AND t0."day" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."id" AS c0, t1."bank" AS c1
  FROM "Fees"."account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."name"::text AS c0, t2."code" AS c1, t2."since"::text AS c2, t2."since" AS c3
  FROM "Fees"."bank" t2
), spans AS (
  SELECT 0 AS period, 2 AS first_segment, 2 AS last_segment UNION ALL SELECT 1 AS period, 3 AS first_segment, 3 AS last_segment
), detail AS (
  SELECT t2.c0 AS recipient, t2.c2 AS g0, t2.c3 AS o0, t0.segment AS segment,
    t0.c1 AS v
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c2
  LEFT JOIN t2 ON t2.c1 = t1.c1
  WHERE t2.c0 IS NOT NULL AND t1.c0 IS NOT NULL AND t2.c1 IS NOT NULL
), ranked AS (
  SELECT recipient, g0, o0, period, v
  FROM detail JOIN spans ON segment BETWEEN first_segment AND last_segment
  WHERE v IS NOT NULL
)
SELECT recipient, g0, period, count(*), count(DISTINCT v)
FROM ranked
GROUP BY recipient, g0, o0, period
ORDER BY recipient COLLATE "C", o0 NULLS FIRST, g0 COLLATE "C" NULLS FIRST, period;
