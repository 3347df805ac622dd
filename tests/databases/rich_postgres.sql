-- A schema with about everything that PostgreSQL 13 knows, and a few rows of each. Nothing in it depends on the version:
-- the same text gives the same catalog on 13 to 18. Run it as a superuser in an empty database; the roles are the server's.

do $$ declare name text; begin
  foreach name in array array['rich_owner', 'rich_reader', 'rich_writer'] loop
    begin execute format('create role %I', name); exception when duplicate_object or unique_violation then null; end;
  end loop;
end $$;

create schema shop;
create schema rich;
create schema "Odd Schema";
create extension citext schema public;
create extension hstore schema rich;
create extension pg_trgm schema public;

-- Types ------------------------------------------------------------------------------------------------------------------
create type shop.status as enum ('new', 'paid', 'it''s shipped', 'CANCELLED');
create domain shop.email as public.citext check (value ~ '^[^@]+@[^@]+$');
create domain shop.positive as numeric(12, 2) default 0 not null constraint at_least_0 check (value >= 0);
create domain shop.small_positive as shop.positive check (value < 100);
create type shop.address as (street text, zip varchar(10), tags text[], since date);
create type shop.price_range as range (subtype = numeric);
create function shop.length_of(text) returns double precision language sql immutable strict as $$ select length($1)::double precision $$;

create table rich.all_types (
  id bigint generated always as identity primary key,
  a_smallint smallint, an_integer integer, a_bigint bigint, a_numeric numeric, a_numeric_scaled numeric(20, 5),
  a_real real, a_double double precision, a_money money, a_boolean boolean,
  a_text text, a_varchar varchar, a_varchar_10 varchar(10), a_char char(5), a_bpchar bpchar, a_name name, a_one_char "char",
  a_citext public.citext, a_bytea bytea, a_uuid uuid, a_bit bit(7), a_varbit varbit(20),
  a_date date, a_time time, a_time_3 time(3), a_timetz timetz, a_timestamp timestamp, a_timestamptz timestamptz, a_timestamptz_0 timestamptz(0),
  an_interval interval, an_interval_ym interval year to month,
  a_json json, a_jsonb jsonb, a_jsonpath jsonpath, an_xml xml, an_hstore rich.hstore,
  an_inet inet, a_cidr cidr, a_macaddr macaddr, a_macaddr8 macaddr8,
  a_point point, a_line line, a_lseg lseg, a_box box, a_path path, a_polygon polygon, a_circle circle,
  a_tsvector tsvector, a_tsquery tsquery, a_pg_lsn pg_lsn, an_oid oid, a_regclass regclass,
  an_int4range int4range, an_int8range int8range, a_numrange numrange, a_tsrange tsrange, a_tstzrange tstzrange, a_daterange daterange,
  a_price_range shop.price_range, an_enum shop.status, an_email shop.email, a_positive shop.small_positive default 1, an_address shop.address,
  ints integer[], ints_2 integer[][], texts text[], enums shop.status[], addresses shop.address[], numerics numeric(8, 3)[], times timestamptz[],
  doubled integer generated always as (a_smallint * 2) stored,
  "odd ""name"".x" integer
);
insert into rich.all_types (a_smallint, an_integer, a_bigint, a_numeric, a_numeric_scaled, a_real, a_double, a_money, a_boolean,
  a_text, a_varchar, a_varchar_10, a_char, a_bpchar, a_name, a_one_char, a_citext, a_bytea, a_uuid, a_bit, a_varbit,
  a_date, a_time, a_time_3, a_timetz, a_timestamp, a_timestamptz, a_timestamptz_0, an_interval, an_interval_ym,
  a_json, a_jsonb, a_jsonpath, an_hstore, an_inet, a_cidr, a_macaddr, a_macaddr8,
  a_point, a_line, a_lseg, a_box, a_path, a_polygon, a_circle, a_tsvector, a_tsquery, a_pg_lsn, an_oid,
  an_int4range, an_int8range, a_numrange, a_tsrange, a_tstzrange, a_daterange, a_price_range, an_enum, an_email, a_positive, an_address,
  ints, ints_2, texts, enums, addresses, numerics, times, "odd ""name"".x") values
 (1, -2, 3000000000, 1.50, 12.34500, 1.5, -0.0, 12.34, true,
  E'line\nbreak \u00e4\u20ac', 'v', 'ten chars!', 'ab', 'trail  ', 'a name', 'x', 'CiText', '\x00ff10', '6b3f1a52-9f0e-4b7b-8a63-0c5c1a2b3c4d', b'1010101', b'101',
  '2024-02-29', '23:59:59.999999', '12:34:56.789', '12:00:00+05:30', '2024-02-29 12:00:00.123456', '2024-02-29 12:00:00.123456+02', '2024-02-29 12:00:00+02', '1 year 2 mons 3 days 04:05:06.789', '3 years 2 mons',
  '{"b": 1, "a": [1, 2.50]}', '{"b": 1, "a": [1, 2.50]}', '$.a[*] ? (@ > 1)', 'a=>1, b=>NULL', '192.168.1.5/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
  '(1.5,2)', '{1,2,3}', '[(0,0),(1,1)]', '((2,2),(0,0))', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>', 'a:1 fat:2,4A cat:3', 'fat & (rat | cat)', '16/B374D848', 16384,
  '[1,5)', '(1,9]', '[1.5,2.5]', '[2024-01-01,2024-02-01)', '[2024-01-01 00:00+00,)', 'empty', '[1.00,2.00)', 'paid', 'Someone@Example.org', 5, row('Main st. 1', '12345', '{a,"b c",NULL}', '2020-01-01'),
  '{1,NULL,3}', '{{1,2},{3,4}}', '{"",NULL,"NULL","a,b"}', '{new,CANCELLED}', array[row('x', null, null, null)::shop.address], '{1.5,2.25}', '{2024-01-01 00:00:00+00}', 7),
 (-32768, 2147483647, -9223372036854775808, 'NaN', -0.00001, 'NaN', 'Infinity', -0.01, false,
  '', '', '', '', '', '', '', '', '', '00000000-0000-0000-0000-000000000000', b'0000000', b'',
  'infinity', '00:00', '24:00', '00:00-15:59', '-infinity', 'infinity', '0001-01-01 00:00:00+00 BC', '-1 mon +1 day', '0',
  'null', 'null', '$', '', '::1', '::/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00',
  '(0,0)', '{0,1,0}', '[(0,0),(0,0)]', '((0,0),(0,0))', '((0,0))', '((0,0))', '<(0,0),0>', '', '!b', '0/0', 0,
  'empty', '(,)', '(,5]', '(,)', '(,)', '[2024-01-01,2024-01-02)', 'empty', 'it''s shipped', 'a@b', 0, row('', '', '{}', null),
  '{}', '{}', '{}', '{}', '{}', '{}', '{}', null),
 (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null, null, null, null, null, 0, null, null, null, null, null, null, null, null, null);

-- A shop: keys, constraints, defaults, sequences ---------------------------------------------------------------------------
create sequence shop.invoice_no as bigint start 1000 increment 10 minvalue 1000 maxvalue 9999999 cache 5;
create sequence shop.countdown increment -1 minvalue -1000 maxvalue 100 start 100 cycle;
create sequence shop.unused;

create table shop.customers (
  id serial primary key,
  email shop.email not null unique,
  name varchar(80) collate "C" not null check (length(name) > 0),
  kind varchar(10) not null default 'retail' check (kind in ('retail', 'trade', 'staff')),
  referred_by integer references shop.customers (id) on delete set null,
  country char(2) not null default 'DE',
  balance shop.positive,
  created_at timestamptz not null default now(),
  birthday date default '1990-01-01',
  settings jsonb not null default '{"mail": true}',
  notes text
);
alter table shop.customers alter column notes set storage external;
alter table shop.customers alter column kind set statistics 500;
alter table shop.customers alter column country set (n_distinct = 50);
create unique index customers_name_key on shop.customers (lower(name), country) where kind in ('retail', 'trade');
create index customers_settings_idx on shop.customers using gin (settings jsonb_path_ops);
create index customers_name_trgm on shop.customers using gin (name public.gin_trgm_ops);
create index customers_created_idx on shop.customers (created_at desc nulls last, id) include (country) with (fillfactor = 70);
create index customers_brin on shop.customers using brin (created_at) with (pages_per_range = 16);
create index customers_hash on shop.customers using hash (country);
create index customers_pattern on shop.customers (email, name text_pattern_ops);
create statistics shop.customers_stats (dependencies, ndistinct) on kind, country from shop.customers;

create table shop.orders (
  id bigint generated by default as identity (start 100 increment 5) primary key,
  customer_id integer not null references shop.customers on update cascade deferrable initially deferred,
  invoice bigint not null default nextval('shop.invoice_no'),
  status shop.status not null default 'new',
  total numeric(12, 2) not null default 0.00,
  discount double precision default -1.5,
  placed timestamp with time zone not null default '2024-01-01 00:00:00+00',
  ship_to shop.address,
  during tstzrange,
  gross numeric(12, 2) generated always as (round(total * 1.19, 2)) stored,
  tags text[] default '{a,b}',
  constraint orders_total_check check (total >= 0 and (total < 1e9 or status <> 'new')),
  constraint orders_invoice_key unique (invoice) deferrable,
  constraint orders_during_excl exclude using gist (during with &&) where (status <> 'CANCELLED')
) with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
create index orders_created_idx on shop.orders (placed);
cluster shop.orders using orders_created_idx;
alter table shop.orders replica identity using index orders_pkey;

create table shop.order_lines (
  order_id bigint not null references shop.orders on delete cascade,
  line smallint not null,
  sku text not null,
  quantity integer not null check (quantity between 1 and 1000),
  price shop.positive,
  primary key (order_id, line)
);
create table shop.returns (
  order_id bigint, line smallint, part integer, reason text,
  constraint returns_line_fkey foreign key (order_id, line) references shop.order_lines match full on delete no action
);
alter table shop.returns add constraint returns_part_fkey foreign key (part) references shop.customers (id) not valid;
alter table shop.returns add constraint returns_reason check (reason <> '') not valid;
create unlogged table shop.carts (id smallserial, owner text default current_user, primary key (id));
create table shop.countdowns (n integer primary key default nextval('shop.countdown'));

insert into shop.customers (email, name, referred_by, country) select 'c' || n || '@example.org', 'Customer ' || n, nullif(n / 2, 0), 'DE' from generate_series(1, 40) n;
insert into shop.orders (customer_id, total, placed, during)
  select 1 + n % 40, n, timestamptz '2024-01-01 00:00+00' + n * interval '1 hour', tstzrange(timestamptz '2024-01-01 00:00+00' + n * interval '1 hour', timestamptz '2024-01-01 00:00+00' + (n + 1) * interval '1 hour') from generate_series(1, 200) n;
insert into shop.order_lines select id, l, 'sku-' || l, l, l * 1.25 from shop.orders, generate_series(1, 3) l;
insert into shop.returns select order_id, line, null, 'broken' from shop.order_lines where order_id % 50 = 0;
insert into shop.returns values (null, null, 7, null);
insert into shop.carts default values;
insert into shop.countdowns select nextval('shop.countdown') from generate_series(1, 5);
set constraints all immediate;

-- Partitions and inheritance --------------------------------------------------------------------------------------------------
create table rich.events (id bigserial, at timestamptz not null, kind text not null default 'x', payload jsonb, customer_id integer references shop.customers, primary key (id, at, kind)) partition by range (at);
create table rich.events_2023 partition of rich.events for values from ('2023-01-01 00:00+00') to ('2024-01-01 00:00+00');
create table rich.events_2024 partition of rich.events for values from ('2024-01-01 00:00+00') to ('2025-01-01 00:00+00') partition by list (kind);
create table rich.events_2024_a partition of rich.events_2024 for values in ('a', 'b');
create table rich.events_2024_rest partition of rich.events_2024 default;
create table rich.events_rest partition of rich.events default;
create index events_kind_idx on rich.events (kind, at);
create table rich.hashed (id integer primary key) partition by hash (id);
create table rich.hashed_0 partition of rich.hashed for values with (modulus 2, remainder 0);
create table rich.hashed_1 partition of rich.hashed for values with (modulus 2, remainder 1);
create table rich.refers_to_partitioned (id integer primary key, hashed_id integer references rich.hashed);
insert into rich.events (at, kind) select timestamptz '2023-11-01 00:00+00' + n * interval '1 day', chr(97 + n % 4) from generate_series(1, 500) n;
insert into rich.hashed select generate_series(1, 50);
insert into rich.refers_to_partitioned select n, n from generate_series(1, 20) n;
create table rich.parent (id integer not null, what text, constraint what_check check (what <> ''), constraint no_child check (id > 0) no inherit);
create table rich.child (extra integer) inherits (rich.parent);
alter table rich.parent add column came_later text default 'x';
insert into rich.parent values (1, 'p');
insert into rich.child values (1, 'c', 5);
create table rich.typed of shop.address (primary key (street));

-- Names that need quotes --------------------------------------------------------------------------------------------------------
create table "Odd Schema"."Order ""Lines"".2" ("Id" serial primary key, "select" text default 'it''s', "a.b" integer references shop.customers);
create index "Index ON a USING b" on "Odd Schema"."Order ""Lines"".2" ("select");
insert into "Odd Schema"."Order ""Lines"".2" ("a.b") values (1), (2);

-- Views, rules, functions, triggers ------------------------------------------------------------------------------------------------
create view shop.paid_orders as select o.id, o.total, o.status from shop.orders o where o.status in ('paid', 'it''s shipped');
create view shop.names as select name, kind from shop.customers where kind in ('retail', 'trade') and country <> 'XX' with cascaded check option;
create view shop.per_customer with (security_barrier) as
  select c.id, c.name, count(*) as orders, sum(o.total) as total, array_agg(o.id order by o.id) as ids, (select max(l.price) from shop.order_lines l where l.order_id = min(o.id)) as top
  from shop.customers c left join shop.orders o on o.customer_id = c.id group by c.id, c.name having count(*) > 0;
create view shop.tree as with recursive t(id, depth) as (select id, 1 from shop.customers where referred_by is null union all select c.id, t.depth + 1 from shop.customers c join t on c.referred_by = t.id) select id, depth, row_number() over (partition by depth order by id desc) as place from t;
create view rich.mixed as select distinct on (kind) kind, case when kind = 'a' then 1 when kind in ('b', 'c') then 2 else null end as n, at + interval '1 day 2 hours' as later, payload ->> 'x' as x, id::text || 'y' as y, -id as neg, exists (select from shop.customers c where c.id = events.customer_id) as known, kind like 'a%' as l, coalesce(kind, 'z') as k, current_date as today from rich.events order by kind, at desc limit 10;
create view rich.united as select id from shop.customers union all (select id from shop.orders intersect select id from rich.hashed) except select 5;
create view rich.listed as select a, b from (values (1, 'x'), (2, 'y')) v(a, b) where b is distinct from 'q';
create view rich.series as select x from generate_series(1, 3) x;
create materialized view shop.totals as select kind, count(*) as n from shop.customers group by kind;
create unique index totals_kind on shop.totals (kind);
create materialized view shop.never as select 1 as one with no data;

create function shop.order_total(order_id bigint, tax numeric default 1.19, variadic extra numeric[] default '{}') returns numeric
  language plpgsql stable strict parallel safe cost 50 set search_path to shop, pg_temp as $$
declare result numeric;
begin
  -- A comment; and a 'quoted' text.
  select sum(quantity * price) * tax into result from order_lines l where l.order_id = $1;
  return result;
end $$;
create function shop.order_total(text) returns text language sql immutable leakproof as 'select upper($1)';
create function shop.lines_of(bigint, out line smallint, out sku text) returns setof record language sql stable rows 5 security definer as 'select line, sku from shop.order_lines where order_id = $1';
create function shop.table_of(n integer) returns table (a integer, b shop.status) language sql as 'select n, ''new''::shop.status';
create procedure shop.touch(inout n integer default 1) language plpgsql as $$ begin n := n + 1; end $$;
create function shop.audit() returns trigger language plpgsql as $$ begin return coalesce(new, old); end $$;
create aggregate shop.product(numeric) (sfunc = numeric_mul, stype = numeric, initcond = '1', combinefunc = numeric_mul, parallel = safe);
create function shop.same_length(text, text) returns boolean language sql immutable as 'select length($1) = length($2)';
create operator shop.=# (leftarg = text, rightarg = text, function = shop.same_length, commutator = operator(shop.=#));
create function shop.to_status(text) returns shop.status language sql stable as $$ select 'new'::shop.status $$;
create cast (text as shop.status) with function shop.to_status(text) as assignment;
create operator family shop.abs_family using btree;
create function shop.abs_cmp(integer, integer) returns integer language sql immutable as 'select abs($1) - abs($2)';
create operator class shop.abs_ops for type integer using btree family shop.abs_family as
  operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 shop.abs_cmp(integer, integer);
create collation shop.german from "C";
create text search dictionary shop.simple_dict (template = simple, accept = false);
create text search configuration shop.search (copy = english);
alter text search configuration shop.search alter mapping for asciiword with shop.simple_dict, english_stem;

create trigger audit after insert or update of status, total or delete on shop.orders for each row when (pg_trigger_depth() < 5) execute function shop.audit();
create trigger per_statement after update on shop.orders referencing old table as o new table as n for each statement execute function shop.audit();
create constraint trigger late after insert on shop.order_lines deferrable initially deferred for each row execute function shop.audit();
create trigger on_replicas before insert on shop.customers for each row when (new.kind in ('retail', 'trade')) execute function shop.audit('an', 'argument');
alter table shop.customers enable replica trigger on_replicas;
create trigger switched_off before delete on shop.customers for each row execute function shop.audit();
alter table shop.customers disable trigger switched_off;
create trigger always before insert on rich.events for each row execute function shop.audit();
create trigger instead instead of insert on shop.paid_orders for each row execute function shop.audit();
create rule no_delete as on delete to shop.returns do instead nothing;
create rule log_insert as on insert to shop.carts where new.owner in ('x', 'y') do also select 1;
create function shop.on_ddl() returns event_trigger language plpgsql as $$ begin null; end $$;
create event trigger rich_ddl on ddl_command_end when tag in ('CREATE PUBLICATION') execute function shop.on_ddl();
create foreign data wrapper rich_wrapper;
create server rich_server type 'none' version '1' foreign data wrapper rich_wrapper options (host 'nowhere');
create foreign table rich.remote (id integer not null, what text options (column_name 'w')) server rich_server options (t 'x');

-- Row security, owners, grants ------------------------------------------------------------------------------------------------------
alter table shop.orders enable row level security;
alter table shop.customers force row level security;
create policy own_orders on shop.orders as permissive for select to rich_reader, rich_writer using (customer_id in (select id from shop.customers where name = current_user));
create policy no_big on shop.orders as restrictive for insert with check (total < 1000000);

alter schema shop owner to rich_owner;
alter table shop.customers owner to rich_owner;
alter table shop.orders owner to rich_owner;
alter table shop.order_lines owner to rich_owner;
alter view shop.paid_orders owner to rich_owner;
alter function shop.order_total(text) owner to rich_owner;
alter type shop.status owner to rich_owner;
alter sequence shop.unused owner to rich_owner;
grant usage on schema shop to rich_reader, rich_writer with grant option;
grant select on shop.orders, shop.customers to rich_reader;
grant select, insert, update, delete on shop.orders to rich_writer with grant option;
grant all on shop.order_lines to rich_writer;
grant select (id, name), update (name) on shop.customers to rich_writer;
grant select on shop.paid_orders to public;
grant usage, select on sequence shop.customers_id_seq to rich_writer;
grant all on sequence shop.unused to rich_reader;
grant execute on function shop.order_total(bigint, numeric, numeric[]) to rich_reader;
revoke execute on function shop.order_total(text) from public;
grant usage on type shop.status to rich_reader;
revoke usage on type shop.address from public;
revoke delete on shop.order_lines from rich_owner;
grant usage on foreign server rich_server to rich_reader;
alter default privileges for role rich_owner in schema shop grant select on tables to rich_reader;
alter default privileges for role rich_owner grant execute on functions to rich_writer;
alter default privileges for role rich_owner revoke execute on functions from public;
refresh materialized view shop.totals;
