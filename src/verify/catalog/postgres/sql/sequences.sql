-- Sequences and the columns that they number: owned (serial, identity), or named in the default.
-- The last column tells why the two can't be compared; empty: they can.
with numbers as (
  select d.objid as sequence, d.refobjid as relation, d.refobjsubid as place, d.deptype
  from pg_depend d
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
  union all
  select d.refobjid, f.adrelid, f.adnum, 'n'
  from pg_depend d join pg_attrdef f on f.oid = d.objid
  where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
)
select quote_ident(sn.nspname) || '.' || quote_ident(sc.relname),
       case when c.relkind = 'p' then '' else 'only ' end || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       'x.' || quote_ident(a.attname),
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname),
       s.seqincrement::text, s.seqmin::text, s.seqmax::text, s.seqcycle::text,
       case
       when case when t.typtype = 'd' then (
              with recursive base as (
                select t.typbasetype as oid
                union all
                select bt.typbasetype from base b join pg_type bt on bt.oid = b.oid where bt.typtype = 'd')
              select min(bt.oid::bigint) from base b join pg_type bt on bt.oid = b.oid where bt.typtype <> 'd')
            else t.oid::bigint end not in (20, 21, 23, 1700) then 'type'
       when bool_or(m.deptype = 'i') then ''
       when f.adbin is not null and pg_get_expr(f.adbin, f.adrelid) !~ '^\(?nextval\(''([^'']|'''')+''::regclass\)\)?(::(integer|smallint|bigint|numeric))?$' then 'expression'
       else '' end
from numbers m
join pg_sequence s on s.seqrelid = m.sequence
join pg_class sc on sc.oid = m.sequence
join pg_namespace sn on sn.oid = sc.relnamespace
join pg_class c on c.oid = m.relation
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = m.relation and a.attnum = m.place and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_attrdef f on f.adrelid = m.relation and f.adnum = m.place
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p') and c.relname <> '_firedrill'
  -- A partition's rows are its parent's too.
  and not (c.relispartition and exists (
    select from pg_inherits i join numbers o on o.relation = i.inhparent and o.sequence = m.sequence where i.inhrelid = c.oid))
group by sc.oid, sc.relname, sn.nspname, c.oid, c.relname, c.relkind, n.nspname, a.attname, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle, t.oid, t.typtype, t.typbasetype, f.adbin, f.adrelid
order by 1, 4
