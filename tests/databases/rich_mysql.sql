-- A schema with about everything that MySQL 8 and MariaDB 10.6 both know, and a few rows of each. Nothing in it depends on the
-- version or the product. Run it as root in an empty database, in utf8mb4. No statement holds a `;` inside, so that any client can run it.

set names utf8mb4 collate utf8mb4_unicode_ci;
set sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';
set time_zone = '+00:00';

create table all_types (
  id bigint unsigned not null auto_increment primary key,
  a_tinyint tinyint, a_bool boolean, an_unsigned_tiny tinyint unsigned, a_smallint smallint, a_mediumint mediumint, an_int int, an_int_5 int(5) zerofill, a_bigint bigint, an_unsigned bigint unsigned,
  a_decimal decimal(20, 5), a_decimal_plain decimal, a_float float, a_double double, a_bit bit(7), a_bit_1 bit,
  a_char char(5), a_varchar varchar(80), a_latin varchar(80) character set latin1 collate latin1_swedish_ci, a_utf8mb3 varchar(80) character set utf8mb3 collate utf8mb3_general_ci, a_binary_collation varchar(80) character set utf8mb4 collate utf8mb4_bin,
  a_tinytext tinytext, a_text text, a_mediumtext mediumtext, a_longtext longtext,
  a_binary binary(4), a_varbinary varbinary(20), a_tinyblob tinyblob, a_blob blob, a_mediumblob mediumblob, a_longblob longblob,
  an_enum enum('new', 'paid', 'it''s shipped') default 'new', a_set set('a', 'b', 'c d') default '',
  a_date date, a_time time, a_time_3 time(3), a_datetime datetime, a_datetime_6 datetime(6), a_timestamp timestamp null, a_timestamp_3 timestamp(3) null, a_year year,
  a_json json,
  a_point point, a_geometry geometry, a_linestring linestring, a_polygon polygon,
  doubled int generated always as (a_smallint * 2) virtual,
  stored_sum int generated always as (a_smallint + 1) stored,
  `odd ``name``.x "y"` int
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci;

insert into all_types (a_tinyint, a_bool, an_unsigned_tiny, a_smallint, a_mediumint, an_int, an_int_5, a_bigint, an_unsigned, a_decimal, a_decimal_plain, a_float, a_double, a_bit, a_bit_1,
  a_char, a_varchar, a_latin, a_utf8mb3, a_binary_collation, a_tinytext, a_text, a_mediumtext, a_longtext, a_binary, a_varbinary, a_tinyblob, a_blob, a_mediumblob, a_longblob, an_enum, a_set,
  a_date, a_time, a_time_3, a_datetime, a_datetime_6, a_timestamp, a_timestamp_3, a_year, a_json, a_point, a_geometry, a_linestring, a_polygon, `odd ``name``.x "y"`) values
 (-128, true, 255, -32768, 8388607, -2147483648, 42, 9223372036854775807, 18446744073709551615, 123456789012345.67891, 7, 1.5, -0.0, b'1010101', b'1',
  'ab', 'vär €😀', 'lätin', 'utf8mb3 €', 'Case', 'tiny', 'line\nbreak', 'medium', 'long', x'00ff', x'00', x'', 'blob', 'medium', x'ff', 'it''s shipped', 'a,c d',
  '2024-02-29', '-838:59:59', '12:34:56.789', '2024-02-29 12:00:00', '9999-12-31 23:59:59.999999', '2024-02-29 12:00:00', '2024-02-29 12:00:00.123', 2024, '{"b": 1, "a": [1, 2.50]}', st_geomfromtext('POINT(1.5 2)'), st_geomfromtext('POINT(0 0)'), st_geomfromtext('LINESTRING(0 0, 1 1)'), st_geomfromtext('POLYGON((0 0, 1 0, 1 1, 0 0))'), 1),
 (0, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'0', b'0', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 'new', '',
  '1000-01-01', '00:00', '00:00', '1000-01-01 00:00:00', '1000-01-01 00:00:00', '1970-01-01 00:00:01', '2038-01-19 03:14:07.999', 1901, 'null', null, null, null, null, 0);
insert into all_types (a_tinyint) values (null);

create table customers (
  id int not null auto_increment,
  email varchar(120) not null,
  name varchar(80) not null,
  kind varchar(10) not null default 'retail',
  referred_by int,
  country char(2) not null default 'DE',
  balance decimal(12, 2) not null default 0.00,
  factor double default 1.5,
  flag bit(1) not null default b'1',
  created_at datetime(3) not null default current_timestamp(3),
  changed_at timestamp not null default current_timestamp on update current_timestamp,
  token varchar(40) default (concat('x', 'y')),
  notes text,
  primary key (id),
  unique key email (email),
  key by_name (name(20), country),
  key by_created (created_at),
  fulltext key words (notes, name),
  constraint customers_kind check (kind in ('retail', 'trade', 'staff')),
  constraint customers_balance check (balance >= 0 and length(name) > 0),
  constraint customers_referred_by foreign key (referred_by) references customers (id) on delete set null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci auto_increment = 100 comment = 'people';

create table orders (
  id bigint not null auto_increment primary key,
  customer_id int not null,
  status enum('new', 'paid', 'shipped') not null default 'new',
  total decimal(12, 2) not null default 0.00,
  placed datetime not null default '2024-01-01 00:00:00',
  gross decimal(12, 2) generated always as (round(total * 1.19, 2)) stored,
  shape point not null,
  spatial index by_shape (shape),
  key by_customer (customer_id, placed),
  constraint orders_customer foreign key (customer_id) references customers (id) on update cascade
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci;

create table order_lines (
  order_id bigint not null,
  line smallint not null,
  sku varchar(20) character set latin1 collate latin1_general_cs not null,
  quantity int unsigned not null default 1,
  price decimal(10, 2),
  primary key (order_id, line),
  unique key by_sku (order_id, sku),
  constraint lines_order foreign key (order_id) references orders (id) on delete cascade on update cascade
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci;

create table returns (
  order_id bigint, line smallint, reason varchar(200),
  key (order_id, line),
  constraint returns_line foreign key (order_id, line) references order_lines (order_id, line)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci;

create table old_style (id int not null auto_increment primary key, word varchar(20), key (word)) engine = MyISAM default character set latin1 collate latin1_swedish_ci;
create table `Odd "Table"``.2` (`Id` int not null auto_increment primary key, `select` varchar(20) default 'it''s', `a.b` int, key `Index ON a` (`a.b`)) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci;

create table events_by_day (id bigint not null, at date not null, kind varchar(10) not null, primary key (id, at)) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci
  partition by range (year(at)) (partition p2023 values less than (2024), partition p2024 values less than (2025), partition rest values less than maxvalue);
create table hashed (id int not null primary key, what varchar(10)) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci partition by hash (id) partitions 4;
create table listed (id int not null, region int not null, primary key (id, region)) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci
  partition by list columns (region) (partition north values in (1, 2), partition south values in (3));
create table subparts (id int not null, at date not null) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci
  partition by range (to_days(at)) subpartition by hash (id) subpartitions 2 (partition p0 values less than (739000), partition p1 values less than maxvalue);

create view paid_orders as select o.id, o.total, o.status from orders o where o.status in ('paid', 'shipped');
create sql security invoker view names as select name, kind from customers where kind in ('retail', 'trade') with cascaded check option;
create view per_customer as select c.id, c.name, count(o.id) as orders, sum(o.total) as total from customers c left join orders o on o.customer_id = c.id group by c.id, c.name having count(o.id) > 0;
create view mixed as select case when kind = 'retail' then 1 else null end as n, concat(name, '-', upper(kind)) as x, date_add(created_at, interval 1 day) as later, (select max(total) from orders where orders.customer_id = customers.id) as top from customers;
create view united as select id from customers union all select id from orders;

create function with_tax(amount decimal(12, 2), tax double) returns decimal(12, 2) deterministic no sql return round(amount * tax, 2);
create function shout(word varchar(80) character set utf8mb4 collate utf8mb4_unicode_ci) returns varchar(81) character set utf8mb4 collate utf8mb4_unicode_ci deterministic no sql sql security invoker return concat(upper(word), '!');
create procedure touch(in which int, out how_many int, inout n bigint unsigned) modifies sql data comment 'nothing' update customers set country = 'FR' where id = which;
create trigger customers_before before insert on customers for each row set new.country = upper(new.country);
create trigger customers_second before insert on customers for each row follows customers_before set new.kind = lower(new.kind);
create trigger orders_after after update on orders for each row insert into old_style (word) values (new.status);
create event nightly on schedule every 1 day starts '2024-01-01 03:00:00' on completion preserve disable comment 'cleans' do delete from old_style where id < 0;
create event once on schedule at '2037-01-01 00:00:00' do delete from old_style where id < 0;

insert into customers (id, email, name, referred_by) values (1, 'a@example.org', 'Anna', null), (2, 'b@example.org', 'Bert', 1), (3, 'c@example.org', 'Cleo', 1);
insert into orders (customer_id, total, shape) values (1, 10.50, st_geomfromtext('POINT(1 1)')), (1, 20, st_geomfromtext('POINT(2 2)')), (2, 0, st_geomfromtext('POINT(3 3)'));
insert into order_lines (order_id, line, sku, quantity, price) select id, 1, concat('sku-', id), 2, total from orders;
insert into returns values (1, 1, 'broken'), (null, 1, 'half a key refers to nothing'), (null, null, null);
insert into old_style (word) values ('one'), ('two');
insert into `Odd "Table"``.2` (`a.b`) values (1), (2);
insert into events_by_day values (1, '2023-05-05', 'a'), (2, '2024-05-05', 'b'), (3, '2030-05-05', 'c');
insert into hashed values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
insert into listed values (1, 1), (2, 3);
insert into subparts values (1, '2020-01-01'), (2, '2030-01-01');
