-- relation t0 (PostgreSQL), types {'c1': 'DECIMAL(38, 2)'}
  SELECT t0."account" AS c0, nullif(nullif(nullif((t0."amount")::numeric::text, 'NaN'), 'Infinity'), '-Infinity') AS c1, (NULL::numeric < 0.5) AS c2, t1."closed" AS part
  FROM "Fees"."fee" t0
  LEFT JOIN "Fees"."account" t1 ON t1."id" = t0."account"
  WHERE t1."closed" >= TIMESTAMPTZ '2026-09-30T22:00:00+00:00' AND t1."closed" < TIMESTAMPTZ '2026-10-31T23:00:00+00:00';

-- relation t1 (PostgreSQL), types {}
  SELECT t1."id" AS c0, t1."bank"::text AS c1, (t1."rate" < 0.5) AS c2, t1."id" AS part
  FROM "Fees"."account" t1;

-- relation t2 (PostgreSQL), types {}
  SELECT t2."name"::text AS c0, t2."code"::text AS c1, (t2."active") IS TRUE AS c2
  FROM "Fees"."bank" t2;

-- aggregates
WITH figures AS (
  SELECT t0.c0 AS k0, t1.c0 IS NOT NULL AS measured, count(*) AS n, sum(t0.c1) AS a0
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c0
  WHERE (CASE WHEN t1.c0 IS NOT NULL THEN t1.c2 ELSE t0.c2 END OR NOT (t1.c0 IS NOT NULL))
  GROUP BY 1, 2
), members AS (
  SELECT true AS measured, t1.c0 AS k0, CASE WHEN t2.c0 IS NOT NULL AND t2.c1 IS NOT NULL THEN CASE WHEN t2.c2 THEN 2 ELSE 1 END ELSE 0 END AS kind, t2.c0 AS recipient, CAST(t1.c0 AS string) AS g0, t1.c0 AS o0
  FROM t1
  LEFT JOIN t2 ON t2.c1 = t1.c1
), detail AS (
  SELECT coalesce(m.kind, 0) AS kind, m.recipient AS recipient, m.g0, m.o0, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END AS segment, f.n, f.a0
  FROM members m FULL JOIN figures f ON f.k0 = m.k0 AND f.measured = m.measured
  WHERE m.kind = 2 OR f.n IS NOT NULL
)
SELECT kind, recipient, g0, segment, n, CAST(a0 AS string)
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient, o0 NULLS FIRST, g0 NULLS FIRST, segment;
