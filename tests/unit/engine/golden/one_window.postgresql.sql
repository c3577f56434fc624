-- control totals
WITH t0 AS NOT MATERIALIZED (
  SELECT CASE WHEN t0."loan_date" IS NOT NULL THEN 1 END AS segment, t0."Amount" AS c1
  FROM "public"."Loans" t0
  WHERE (t0."loan_date" >= DATE '2026-08-01' AND t0."loan_date" < DATE '2026-11-01' OR t0."loan_date" IS NULL)
)
SELECT t0.segment, count(*), CAST(sum(t0.c1) AS text)
  FROM t0
GROUP BY 1;

-- recipients
WITH t4 AS NOT MATERIALIZED (
  SELECT t4."Name"::text AS c0, t4."idBank" AS c1
  FROM "public"."Bank" t4
)
SELECT t4.c0, count(*), min(CAST(t4.c1 AS text))
  FROM t4
  WHERE t4.c0 IS NOT NULL
  GROUP BY 1;

-- groups without a recipient
WITH t3 AS NOT MATERIALIZED (
  SELECT t3."idBranch" AS c0, t3."Address"::text AS c1, t3."Bank_idBank" AS c2
  FROM "public"."Branch" t3
), t4 AS NOT MATERIALIZED (
  SELECT t4."Name"::text AS c0, t4."idBank" AS c1
  FROM "public"."Bank" t4
), members AS (
  SELECT t3.c0 AS k0, CASE WHEN t4.c0 IS NOT NULL AND t4.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t4.c0 AS recipient, CAST(t3.c0 AS text) AS g0, t3.c0 AS o0, t3.c1 AS g1
  FROM t3
  LEFT JOIN t4 ON t4.c1 = t3.c2
)
SELECT count(*)
FROM members
WHERE kind = 0;

-- aggregates
WITH t0 AS NOT MATERIALIZED (
  SELECT t0."Account_idAccount" AS c0, t0."Amount" AS c1
  FROM "public"."Loans" t0
  WHERE t0."loan_date" >= DATE '2026-08-01' AND t0."loan_date" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."idAccount" AS c0, t1."Client_idClient" AS c1
  FROM "public"."Account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."Branch_idBranch" AS c0, t2."idClient" AS c1
  FROM "public"."Client" t2
), t3 AS NOT MATERIALIZED (
  SELECT t3."idBranch" AS c0, t3."Address"::text AS c1, t3."Bank_idBank" AS c2
  FROM "public"."Branch" t3
), t4 AS NOT MATERIALIZED (
  SELECT t4."Name"::text AS c0, t4."idBank" AS c1
  FROM "public"."Bank" t4
), figures AS (
  SELECT t2.c0 AS k0, count(*) AS n, sum(t0.c1) AS a0
  FROM t0
  JOIN t1 ON t1.c0 = t0.c0
  JOIN t2 ON t2.c1 = t1.c1
  GROUP BY 1
), members AS (
  SELECT t3.c0 AS k0, CASE WHEN t4.c0 IS NOT NULL AND t4.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t4.c0 AS recipient, CAST(t3.c0 AS text) AS g0, t3.c0 AS o0, t3.c1 AS g1
  FROM t3
  LEFT JOIN t4 ON t4.c1 = t3.c2
), detail AS (
  SELECT coalesce(m.kind, 0) AS kind, m.recipient AS recipient, m.g0, m.o0, m.g1, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END AS segment, f.n, f.a0
  FROM members m FULL JOIN figures f ON f.k0 = m.k0
  UNION ALL
  SELECT -1, NULL, NULL, NULL, NULL, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END, sum(f.n), sum(f.a0) FROM figures f GROUP BY CASE WHEN f.n IS NULL THEN 0 ELSE 1 END
)
SELECT kind, recipient, g0, g1, segment, n, CAST(a0 AS text)
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient COLLATE "C", o0 NULLS FIRST, g0 COLLATE "C" NULLS FIRST, g1 COLLATE "C" NULLS FIRST, segment;

-- rows that the inner joins leave out
WITH t0 AS NOT MATERIALIZED (
  SELECT t0."Amount" AS c0, t0."Account_idAccount" AS c1
  FROM "public"."Loans" t0
  WHERE t0."loan_date" >= DATE '2026-08-01' AND t0."loan_date" < DATE '2026-11-01'
), t1 AS NOT MATERIALIZED (
  SELECT t1."idAccount" AS c0, t1."Client_idClient" AS c1
  FROM "public"."Account" t1
), t2 AS NOT MATERIALIZED (
  SELECT t2."idClient" AS c0
  FROM "public"."Client" t2
)
SELECT 1, count(*) AS n, CAST(sum(t0.c0) AS text)
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c1
  LEFT JOIN t2 ON t2.c0 = t1.c1
  WHERE NOT (t1.c0 IS NOT NULL AND t2.c0 IS NOT NULL)
GROUP BY 1;
