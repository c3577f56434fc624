-- relation t0 (PostgreSQL), types {}
  SELECT t0."Account_idAccount" AS c0, (t0."Amount")::bigint AS c1, t0."loan_date" AS part
  FROM "public"."Loans" t0
  WHERE t0."loan_date" >= DATE '2026-08-01' AND t0."loan_date" < DATE '2026-11-01';

-- relation t1 (PostgreSQL), types {}
  SELECT t1."idAccount" AS c0, t1."Client_idClient" AS c1, t1."idAccount" AS part
  FROM "public"."Account" t1;

-- relation t2 (PostgreSQL), types {}
  SELECT t2."Branch_idBranch" AS c0, t2."idClient" AS c1, t2."idClient" AS part
  FROM "public"."Client" t2;

-- relation t3 (PostgreSQL), types {}
  SELECT t3."idBranch" AS c0, t3."Address"::text AS c1, t3."Bank_idBank" AS c2, t3."idBranch" AS part
  FROM "public"."Branch" t3;

-- relation t4 (PostgreSQL), types {}
  SELECT t4."Name"::text AS c0, t4."idBank" AS c1, t4."idBank" AS part
  FROM "public"."Bank" t4;

-- aggregates
WITH figures AS (
  SELECT t2.c0 AS k0, count(*) AS n, sum(t0.c1) AS a0
  FROM t0
  LEFT JOIN t1 ON t1.c0 = t0.c0
  LEFT JOIN t2 ON t2.c1 = t1.c1
  GROUP BY 1
), members AS (
  SELECT t3.c0 AS k0, CASE WHEN t4.c0 IS NOT NULL AND t4.c1 IS NOT NULL THEN 2 ELSE 0 END AS kind, t4.c0 AS recipient, CAST(t3.c0 AS string) AS g0, t3.c0 AS o0, t3.c1 AS g1
  FROM t3
  LEFT JOIN t4 ON t4.c1 = t3.c2
), detail AS (
  SELECT coalesce(m.kind, 0) AS kind, m.recipient AS recipient, m.g0, m.o0, m.g1, CASE WHEN f.n IS NULL THEN 0 ELSE 1 END AS segment, f.n, f.a0
  FROM members m FULL JOIN figures f ON f.k0 = m.k0
)
SELECT kind, recipient, g0, g1, segment, n, CAST(a0 AS string)
FROM detail
ORDER BY CASE WHEN kind < 2 THEN kind ELSE 2 END, recipient, o0 NULLS FIRST, g0 NULLS FIRST, g1 NULLS FIRST, segment;
