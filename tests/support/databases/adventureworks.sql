-- The tables, columns and keys of AdventureWorks as ported to PostgreSQL, a maker of bicycles, with rows of our own.
-- Foreign keys cross five schemas; five more have views with short names.
create domain "Name" varchar(50);
create domain "Flag" boolean not null;
create domain "Phone" varchar(25);
create domain "AccountNumber" varchar(15);
create domain "OrderNumber" varchar(25);
create schema person;
create schema humanresources;
create schema production;
create schema purchasing;
create schema sales;

create table person.businessentity (businessentityid serial primary key, rowguid uuid, modifieddate timestamp not null default now());
create table person.person (
  businessentityid int primary key references person.businessentity, persontype char(2) not null, title varchar(8),
  firstname "Name" not null, middlename "Name", lastname "Name" not null, suffix varchar(10), emailpromotion int not null default 0,
  demographics xml, modifieddate timestamp not null default now());
create table person.countryregion (countryregioncode varchar(3) primary key, name "Name" not null, modifieddate timestamp not null default now());
create table sales.salesterritory (
  territoryid serial primary key, name "Name" not null, countryregioncode varchar(3) not null references person.countryregion,
  "group" varchar(50) not null, salesytd numeric not null default 0, saleslastyear numeric not null default 0,
  costytd numeric not null default 0, costlastyear numeric not null default 0, modifieddate timestamp not null default now());
create table person.stateprovince (
  stateprovinceid serial primary key, stateprovincecode char(3) not null,
  countryregioncode varchar(3) not null references person.countryregion, isonlystateprovinceflag "Flag" default true,
  name "Name" not null, territoryid int not null references sales.salesterritory, modifieddate timestamp not null default now());
create table person.address (
  addressid serial primary key, addressline1 varchar(60) not null, addressline2 varchar(60), city varchar(30) not null,
  stateprovinceid int not null references person.stateprovince, postalcode varchar(15) not null,
  modifieddate timestamp not null default now());
create table person.addresstype (addresstypeid serial primary key, name "Name" not null, modifieddate timestamp not null default now());
create table person.businessentityaddress (
  businessentityid int references person.businessentity, addressid int references person.address,
  addresstypeid int references person.addresstype, modifieddate timestamp not null default now(),
  primary key (businessentityid, addressid, addresstypeid));
create table person.emailaddress (
  businessentityid int references person.person, emailaddressid serial, emailaddress varchar(50),
  modifieddate timestamp not null default now(), primary key (businessentityid, emailaddressid));
create table person.password (
  businessentityid int primary key references person.person, passwordhash varchar(128) not null, passwordsalt varchar(10) not null,
  modifieddate timestamp not null default now());
create table person.phonenumbertype (phonenumbertypeid serial primary key, name "Name" not null, modifieddate timestamp not null default now());
create table person.personphone (
  businessentityid int references person.person, phonenumber "Phone", phonenumbertypeid int references person.phonenumbertype,
  modifieddate timestamp not null default now(), primary key (businessentityid, phonenumber, phonenumbertypeid));

create table humanresources.department (departmentid serial primary key, name "Name" not null, groupname "Name" not null, modifieddate timestamp not null default now());
create table humanresources.shift (shiftid serial primary key, name "Name" not null, starttime time not null, endtime time not null, modifieddate timestamp not null default now());
create table humanresources.employee (
  businessentityid int primary key references person.person, nationalidnumber varchar(15) not null, loginid varchar(256) not null,
  jobtitle varchar(50) not null, birthdate date not null, maritalstatus char(1) not null, gender char(1) not null,
  hiredate date not null, salariedflag "Flag" default true, vacationhours smallint not null default 0,
  sickleavehours smallint not null default 0, modifieddate timestamp not null default now());
create table humanresources.employeedepartmenthistory (
  businessentityid int references humanresources.employee, departmentid int references humanresources.department,
  shiftid int references humanresources.shift, startdate date, enddate date, modifieddate timestamp not null default now(),
  primary key (businessentityid, startdate, departmentid, shiftid));
create table humanresources.employeepayhistory (
  businessentityid int references humanresources.employee, ratechangedate timestamp, rate numeric not null,
  payfrequency smallint not null, modifieddate timestamp not null default now(), primary key (businessentityid, ratechangedate));

create table production.unitmeasure (unitmeasurecode char(3) primary key, name "Name" not null, modifieddate timestamp not null default now());
create table production.productcategory (productcategoryid serial primary key, name "Name" not null, modifieddate timestamp not null default now());
create table production.productsubcategory (
  productsubcategoryid serial primary key, productcategoryid int not null references production.productcategory,
  name "Name" not null, modifieddate timestamp not null default now());
create table production.productmodel (productmodelid serial primary key, name "Name" not null, modifieddate timestamp not null default now());
create table production.product (
  productid serial primary key, name "Name" not null, productnumber varchar(25) not null, makeflag "Flag" default true, color varchar(15),
  safetystocklevel smallint not null, reorderpoint smallint not null, standardcost numeric not null, listprice numeric not null,
  size varchar(5), sizeunitmeasurecode char(3) references production.unitmeasure,
  weightunitmeasurecode char(3) references production.unitmeasure, weight decimal(8,2), daystomanufacture int not null,
  productline char(2), class char(2), style char(2), productsubcategoryid int references production.productsubcategory,
  productmodelid int references production.productmodel, sellstartdate timestamp not null, sellenddate timestamp,
  discontinueddate timestamp, modifieddate timestamp not null default now());
create table production.billofmaterials (
  billofmaterialsid serial primary key, productassemblyid int references production.product,
  componentid int not null references production.product, startdate timestamp not null, enddate timestamp,
  unitmeasurecode char(3) not null references production.unitmeasure, bomlevel smallint not null,
  perassemblyqty decimal(8,2) not null default 1, modifieddate timestamp not null default now());
create table production.productcosthistory (
  productid int references production.product, startdate timestamp, enddate timestamp, standardcost numeric not null,
  modifieddate timestamp not null default now(), primary key (productid, startdate));
create table production.productlistpricehistory (
  productid int references production.product, startdate timestamp, enddate timestamp, listprice numeric not null,
  modifieddate timestamp not null default now(), primary key (productid, startdate));
create table production.location (locationid serial primary key, name "Name" not null, costrate numeric not null default 0, availability decimal(8,2) not null default 0, modifieddate timestamp not null default now());
create table production.productinventory (
  productid int references production.product, locationid int references production.location, shelf varchar(10) not null,
  bin smallint not null, quantity smallint not null default 0, modifieddate timestamp not null default now(), primary key (productid, locationid));
create table production.productphoto (productphotoid serial primary key, thumbnailphotofilename varchar(50), modifieddate timestamp not null default now());
create table production.productproductphoto (
  productid int references production.product, productphotoid int references production.productphoto, "primary" "Flag" default false,
  modifieddate timestamp not null default now(), primary key (productid, productphotoid));
create table production.productreview (
  productreviewid serial primary key, productid int not null references production.product, reviewername "Name" not null,
  reviewdate timestamp not null default now(), emailaddress varchar(50) not null, rating int not null, comments varchar(3850),
  modifieddate timestamp not null default now());
create table production.scrapreason (scrapreasonid serial primary key, name "Name" not null, modifieddate timestamp not null default now());
create table production.transactionhistory (
  transactionid serial primary key, productid int not null references production.product, referenceorderid int not null,
  referenceorderlineid int not null default 0, transactiondate timestamp not null, transactiontype char(1) not null,
  quantity int not null, actualcost numeric not null, modifieddate timestamp not null default now());
create table production.transactionhistoryarchive (
  transactionid int primary key, productid int not null, referenceorderid int not null, referenceorderlineid int not null default 0,
  transactiondate timestamp not null, transactiontype char(1) not null, quantity int not null, actualcost numeric not null,
  modifieddate timestamp not null default now());
create table production.workorder (
  workorderid serial primary key, productid int not null references production.product, orderqty int not null, scrappedqty smallint not null,
  startdate timestamp not null, enddate timestamp, duedate timestamp not null, scrapreasonid int references production.scrapreason,
  modifieddate timestamp not null default now());
create table production.workorderrouting (
  workorderid int references production.workorder, productid int not null, operationsequence smallint, locationid int not null references production.location,
  scheduledstartdate timestamp not null, scheduledenddate timestamp not null, actualstartdate timestamp, actualenddate timestamp,
  actualresourcehrs decimal(9,4), plannedcost numeric not null, actualcost numeric, modifieddate timestamp not null default now(),
  primary key (workorderid, productid, operationsequence));

create table purchasing.shipmethod (shipmethodid serial primary key, name "Name" not null, shipbase numeric not null default 0, shiprate numeric not null default 0, modifieddate timestamp not null default now());
create table purchasing.vendor (
  businessentityid int primary key references person.businessentity, accountnumber "AccountNumber" not null, name "Name" not null,
  creditrating smallint not null, activeflag "Flag" default true, purchasingwebserviceurl varchar(1024), modifieddate timestamp not null default now());
create table purchasing.productvendor (
  productid int references production.product, businessentityid int references purchasing.vendor, averageleadtime int not null,
  standardprice numeric not null, lastreceiptcost numeric, lastreceiptdate timestamp, minorderqty int not null, maxorderqty int not null,
  onorderqty int, unitmeasurecode char(3) not null references production.unitmeasure, modifieddate timestamp not null default now(),
  primary key (productid, businessentityid));
create table purchasing.purchaseorderheader (
  purchaseorderid serial primary key, revisionnumber smallint not null default 0, status smallint not null default 1,
  employeeid int not null references humanresources.employee, vendorid int not null references purchasing.vendor,
  shipmethodid int not null references purchasing.shipmethod, orderdate timestamp not null, shipdate timestamp,
  subtotal numeric not null default 0, taxamt numeric not null default 0, freight numeric not null default 0, modifieddate timestamp not null default now());
create table purchasing.purchaseorderdetail (
  purchaseorderid int references purchasing.purchaseorderheader, purchaseorderdetailid serial, duedate timestamp not null, orderqty smallint not null,
  productid int not null references production.product, unitprice numeric not null, receivedqty decimal(8,2) not null,
  rejectedqty decimal(8,2) not null, modifieddate timestamp not null default now(), primary key (purchaseorderid, purchaseorderdetailid));

create table sales.currency (currencycode char(3) primary key, name "Name" not null, modifieddate timestamp not null default now());
create table sales.countryregioncurrency (
  countryregioncode varchar(3) references person.countryregion, currencycode char(3) references sales.currency,
  modifieddate timestamp not null default now(), primary key (countryregioncode, currencycode));
create table sales.currencyrate (
  currencyrateid serial primary key, currencyratedate timestamp not null, fromcurrencycode char(3) not null references sales.currency,
  tocurrencycode char(3) not null references sales.currency, averagerate numeric not null, endofdayrate numeric not null, modifieddate timestamp not null default now());
create table sales.creditcard (
  creditcardid serial primary key, cardtype varchar(50) not null, cardnumber varchar(25) not null, expmonth smallint not null, expyear smallint not null, modifieddate timestamp not null default now());
create table sales.personcreditcard (
  businessentityid int references person.person, creditcardid int references sales.creditcard, modifieddate timestamp not null default now(),
  primary key (businessentityid, creditcardid));
create table sales.salesperson (
  businessentityid int primary key references humanresources.employee, territoryid int references sales.salesterritory, salesquota numeric,
  bonus numeric not null default 0, commissionpct numeric not null default 0, salesytd numeric not null default 0, saleslastyear numeric not null default 0,
  modifieddate timestamp not null default now());
create table sales.salespersonquotahistory (
  businessentityid int references sales.salesperson, quotadate timestamp, salesquota numeric not null, modifieddate timestamp not null default now(),
  primary key (businessentityid, quotadate));
create table sales.store (
  businessentityid int primary key references person.businessentity, name "Name" not null, salespersonid int references sales.salesperson,
  demographics xml, modifieddate timestamp not null default now());
create table sales.customer (
  customerid serial primary key, personid int references person.person, storeid int references sales.store,
  territoryid int references sales.salesterritory, modifieddate timestamp not null default now());
create table sales.salesreason (salesreasonid serial primary key, name "Name" not null, reasontype "Name" not null, modifieddate timestamp not null default now());
create table sales.salestaxrate (
  salestaxrateid serial primary key, stateprovinceid int not null references person.stateprovince, taxtype smallint not null,
  taxrate numeric not null default 0, name "Name" not null, modifieddate timestamp not null default now());
create table sales.salesterritoryhistory (
  businessentityid int references sales.salesperson, territoryid int references sales.salesterritory, startdate timestamp, enddate timestamp,
  modifieddate timestamp not null default now(), primary key (businessentityid, startdate, territoryid));
create table sales.specialoffer (
  specialofferid serial primary key, description varchar(255) not null, discountpct numeric not null default 0, type varchar(50) not null,
  category varchar(50) not null, startdate timestamp not null, enddate timestamp not null, minqty int not null default 0, maxqty int,
  modifieddate timestamp not null default now());
create table sales.specialofferproduct (
  specialofferid int references sales.specialoffer, productid int references production.product, modifieddate timestamp not null default now(),
  primary key (specialofferid, productid));
create table sales.shoppingcartitem (
  shoppingcartitemid serial primary key, shoppingcartid varchar(50) not null, quantity int not null default 1,
  productid int not null references production.product, datecreated timestamp not null default now(), modifieddate timestamp not null default now());
create table sales.salesorderheader (
  salesorderid serial primary key, revisionnumber smallint not null default 0, orderdate timestamp not null, duedate timestamp not null,
  shipdate timestamp, status smallint not null default 1, onlineorderflag "Flag" default true, purchaseordernumber "OrderNumber",
  accountnumber "AccountNumber", customerid int not null references sales.customer, salespersonid int references sales.salesperson,
  territoryid int references sales.salesterritory, billtoaddressid int not null references person.address,
  shiptoaddressid int not null references person.address, shipmethodid int not null references purchasing.shipmethod,
  creditcardid int references sales.creditcard, creditcardapprovalcode varchar(15), currencyrateid int references sales.currencyrate,
  subtotal numeric not null default 0, taxamt numeric not null default 0, freight numeric not null default 0, totaldue numeric,
  comment varchar(128), modifieddate timestamp not null default now());
create table sales.salesorderheadersalesreason (
  salesorderid int references sales.salesorderheader, salesreasonid int references sales.salesreason, modifieddate timestamp not null default now(),
  primary key (salesorderid, salesreasonid));
create table sales.salesorderdetail (
  salesorderid int references sales.salesorderheader, salesorderdetailid serial, carriertrackingnumber varchar(25), orderqty smallint not null,
  productid int not null, specialofferid int not null, unitprice numeric not null, unitpricediscount numeric not null default 0,
  modifieddate timestamp not null default now(), primary key (salesorderid, salesorderdetailid),
  foreign key (specialofferid, productid) references sales.specialofferproduct (specialofferid, productid));

create schema sa;
create view sa.sod as select salesorderdetailid as id, * from sales.salesorderdetail;
create view sa.soh as select salesorderid as id, * from sales.salesorderheader;
create view sa.st as select territoryid as id, * from sales.salesterritory;
create schema pr;
create view pr.p as select productid as id, * from production.product;
create view pr.th as select transactionid as id, * from production.transactionhistory;
create view sales.vsalesperson as select s.businessentityid, p.firstname, p.lastname, s.salesytd from sales.salesperson s join person.person p using (businessentityid);

insert into person.businessentity select n from generate_series(1, 20) n;
insert into person.person (businessentityid, persontype, firstname, lastname) select n, 'IN', 'First' || n, 'Last' || n from generate_series(1, 12) n;
insert into person.countryregion values ('NO', 'Norway'), ('CL', 'Chile');
insert into sales.salesterritory (name, countryregioncode, "group") values ('North', 'NO', 'Europe'), ('Fjords', 'NO', 'Europe'), ('Andes', 'CL', 'Americas');
insert into person.stateprovince (stateprovincecode, countryregioncode, name, territoryid) values ('OS', 'NO', 'Oslo', 1), ('BE', 'NO', 'Bergen', 2), ('ST', 'CL', 'Santiago', 3);
insert into person.address (addressline1, city, stateprovinceid, postalcode) select 'Road ' || n, 'City', 1 + n % 3, '1' from generate_series(1, 6) n;
insert into humanresources.employee (businessentityid, nationalidnumber, loginid, jobtitle, birthdate, maritalstatus, gender, hiredate)
  select n, '1', 'login' || n, 'Sales', '1980-01-01', 'S', 'F', '2020-01-01' from generate_series(1, 3) n;
insert into production.productcategory (name) values ('Bikes'), ('Clothing');
insert into production.productsubcategory (productcategoryid, name) values (1, 'Road bikes'), (1, 'City bikes'), (2, 'Gloves'), (2, 'Caps');
insert into production.productmodel (name) values ('Model A'), ('Model B');
insert into production.product (name, productnumber, safetystocklevel, reorderpoint, standardcost, listprice, daystomanufacture, productsubcategoryid, productmodelid, sellstartdate)
  select 'Product ' || n, 'P' || n, 1, 1, n, 2 * n, 1, 1 + n % 4, 1 + n % 2, '2020-01-01' from generate_series(1, 8) n;
insert into production.transactionhistory (productid, referenceorderid, transactiondate, transactiontype, quantity, actualcost)
  select 1 + n % 8, n, timestamp '2026-08-01' + n * interval '1 day', 'S', n, n from generate_series(1, 60) n;
insert into purchasing.shipmethod (name, shipbase) values ('Ship', 1), ('Truck', 2);
insert into sales.creditcard (cardtype, cardnumber, expmonth, expyear) select 'Card', '4000' || n, 1, 2030 from generate_series(1, 4) n;
insert into sales.salesperson (businessentityid, territoryid) values (1, 1), (2, 2), (3, 3);
insert into sales.customer (personid, territoryid) select n, 1 + n % 3 from generate_series(4, 12) n;
insert into sales.salesreason (name, reasontype) values ('Price', 'Other'), ('Review', 'Other');
insert into sales.specialoffer (description, discountpct, type, category, startdate, enddate) values ('None', 0, 'None', 'None', '2020-01-01', '2030-01-01'), ('Season', 0.1, 'Season', 'Reseller', '2020-01-01', '2030-01-01');
insert into sales.specialofferproduct select o, p from generate_series(1, 2) o, generate_series(1, 8) p;
insert into sales.salesorderheader (orderdate, duedate, customerid, territoryid, billtoaddressid, shiptoaddressid, shipmethodid, subtotal)
  select timestamp '2025-09-20 08:00' + n * interval '9 days 5 hours', timestamp '2025-10-20' + n * interval '9 days', 1 + n % 9, 1 + n % 3, 1 + n % 6, 1 + n % 6, 1 + n % 2, n
  from generate_series(1, 44) n;
insert into sales.salesorderheadersalesreason select salesorderid, r from sales.salesorderheader, generate_series(1, 2) r where salesorderid % 2 = 0 or r = 1;
insert into sales.salesorderdetail (salesorderid, orderqty, productid, specialofferid, unitprice, unitpricediscount)
  select 1 + n % 44, 1 + n % 4, 1 + n % 8, 1 + n % 2, 10.3337 + n % 7, case when n % 2 = 1 then 0.1 else 0 end from generate_series(1, 150) n;
analyze;
