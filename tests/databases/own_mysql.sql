-- What MySQL alone knows.
set names utf8mb4 collate utf8mb4_unicode_ci;
create table t (
  id int primary key, word varchar(40), amount int, doc json, place point not null srid 4326, secret int invisible default 5,
  token varchar(36) default (uuid()), later datetime default (now() + interval 1 day), bin varbinary(10) default 0x6162, odd varchar(20) default '\\ it''s',
  low varchar(40) generated always as (lower(json_unquote(json_extract(doc, '$.a')))) virtual,
  key by_expression ((lower(word)), amount desc), key hidden (word) invisible, spatial index (place), key by_values ((cast(json_extract(doc, '$.n') as unsigned array))),
  constraint loose check (amount > 0) not enforced, constraint `Odd``name` check (word <> 'it''s \\ ' and not (amount = 1 or amount between 2 and 3))
) engine = InnoDB default character set utf8mb4 collate utf8mb4_0900_ai_ci;
create table u (id int, t_id int, v int, primary key (id), constraint t_id foreign key (t_id) references t (id) on delete no action on update restrict) engine = InnoDB default character set utf8mb4;
create view v as with recursive c as (select 1 as n union all select n + 1 from c where n < 3) select n, row_number() over (partition by n order by n desc) as r, (n + 1) * 2 - (3 - n) as m, not (n = 1 and n = 2 or n = 3) as b, n in (1) as l, n between 1 and 2 and true as w from c;
create view w as select t.id, j.a from t, json_table(t.doc, '$[*]' columns (a int path '$.a')) as j, lateral (select max(v) as top from u where u.t_id = t.id) as x where (t.id, j.a) in (select 1, 2) or exists (select 1 from u);
