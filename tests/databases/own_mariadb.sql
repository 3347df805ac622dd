-- What MariaDB alone knows.
set names utf8mb4 collate utf8mb4_unicode_ci;
create sequence numbers start with 100 increment by 10 minvalue 50 maxvalue 5000 cache 20 cycle;
create table t (
  id int primary key default nextval(numbers), word varchar(40), amount int check (amount > 0), doc json, address inet6, token uuid default uuid(), secret int invisible default 5,
  later datetime default (now() + interval 1 day), odd varchar(20) default '\\ it''s', later_2 timestamp(6) default current_timestamp(6) on update current_timestamp(6),
  low varchar(40) as (lower(json_unquote(json_extract(doc, '$.a')))) virtual, kept int as (amount + 1) persistent,
  key hidden (word) ignored, key down (amount desc), constraint `Odd``name` check (word <> 'it''s \\ ' and not (amount = 1 or amount between 2 and 3))
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci;
create table versioned (id int primary key, word varchar(20), plain int without system versioning) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci with system versioning;
create table period (id int, a date, b date, period for p (a, b), unique (id, p without overlaps)) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci;
create table u (id int primary key, t_id int, v int, constraint t_id foreign key (t_id) references t (id) on delete no action on update restrict) engine = Aria default character set utf8mb4 collate utf8mb4_unicode_ci;
create view v as with recursive c as (select 1 as n union all select n + 1 from c where n < 3) select n, row_number() over (partition by n order by n desc) as r, (n + 1) * 2 - (3 - n) as m, not (n = 1 and n = 2 or n = 3) as b, n in (1) as l, n between 1 and 2 and true as w from c;
