-- A shop, as in shop_postgres.sql, for MySQL and MariaDB: `set @unit = N` before gives 20 N rows.
set time_zone = '+00:00';
set sql_mode = 'STRICT_TRANS_TABLES';

create table customers (
  id bigint auto_increment primary key,
  email varchar(120) not null unique,
  name varchar(80) not null,
  country char(2) not null default 'DE',
  settings json not null,
  avatar varbinary(64),
  balance decimal(12, 2) not null default 0,
  born date,
  updated_at timestamp(3) not null default current_timestamp(3) on update current_timestamp(3)
) engine = InnoDB default charset = utf8mb4;

create table orders (
  id bigint auto_increment primary key,
  customer_id bigint not null,
  status enum('new', 'paid', 'shipped', 'returned') not null default 'new',
  total decimal(12, 2) not null,
  note text,
  created_at timestamp(3) not null default current_timestamp(3),
  key orders_customer_idx (customer_id, created_at),
  constraint orders_customer_fk foreign key (customer_id) references customers (id)
) engine = InnoDB default charset = utf8mb4;

create table order_lines (
  order_id bigint not null,
  line smallint not null,
  sku char(32) not null,
  quantity int not null,
  price decimal(10, 2) not null,
  weight double,
  primary key (order_id, line),
  key order_lines_sku_idx (sku),
  constraint order_lines_order_fk foreign key (order_id) references orders (id) on delete cascade
) engine = InnoDB default charset = utf8mb4;

create table ledger (
  id bigint auto_increment primary key,
  order_id bigint not null,
  account varchar(40) not null,
  debit decimal(12, 2) not null default 0,
  credit decimal(12, 2) not null default 0,
  booked_at timestamp(3) not null,
  key ledger_order_idx (order_id),
  constraint ledger_order_fk foreign key (order_id) references orders (id)
) engine = InnoDB default charset = utf8mb4;

create view order_totals as
  select o.id, o.status, sum(l.quantity * l.price) as total from orders o join order_lines l on l.order_id = o.id group by o.id, o.status;
create trigger orders_note before insert on orders for each row set new.note = coalesce(new.note, '');

set @now = date_format(now(), '%Y-%m-%d %H:%i:%s');
create table n (n bigint primary key) engine = InnoDB;
insert into n values (1);
delimiter //
create procedure fill(most bigint) begin
  declare have bigint default 1;
  while have < most do
    insert into n select n + have from n where n + have <= most;
    set have = have * 2;
  end while;
end//
delimiter ;
call fill(3 * @unit);

insert into customers (id, email, name, country, settings, avatar, balance, born, updated_at)
select n, concat('c', n, '@example.org'), concat('Customer ', n), elt(1 + n % 4, 'DE', 'FR', 'PL', 'IT'),
  json_object('mail', n % 3 = 0, 'theme', 'dark', 'visits', n % 977), case when n % 5 = 0 then unhex(md5(n)) end,
  (n % 10000) / 4, case when n % 7 <> 0 then '1950-01-01' + interval n % 20000 day end, @now - interval (@unit - n) * 11 second
from n where n <= @unit;

insert into orders (id, customer_id, status, total, note, created_at)
select n, 1 + n % @unit, elt(1 + n % 4, 'new', 'paid', 'shipped', 'returned'), (n % 50000) / 100 + 1,
  case when n % 3 = 0 then concat('leave at the door, ring ', n % 9, ' times') end, @now - interval (3 * @unit - n) * 7 second
from n;

insert into order_lines
select n, l, md5(n * 7 + l), 1 + (n + l) % 9, ((n * 31 + l) % 99900) / 100 + 0.99, case when l <> 2 then (n % 1000) / 7 end
from n join (select 1 as l union all select 2 union all select 3 union all select 4) lines_of where l <= 3 or n % 3 = 0;

insert into ledger (order_id, account, debit, credit, booked_at)
select id, case when side = 1 then 'receivables' else 'sales' end, case when side = 1 then total else 0 end,
  case when side = 2 then total else 0 end, created_at
from orders join (select 1 as side union all select 2) sides order by id, side;

drop procedure fill;
drop table n;
