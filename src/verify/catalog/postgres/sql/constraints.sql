-- Constraints of tables, and indexes that are not a constraint's.
-- Left out: NOT NULL (a constraint of its own from 18 on; the column tells), triggers that are constraints (the trigger tells),
-- and the parts of a foreign key that the server makes for each partition, under names of its own.
with relation as (
  select c.oid, quote_ident(n.nspname) as schema, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name, c.relkind
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f', 'm')
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relname <> '_firedrill'
    and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
)
select 'constraint ' || r.name || '.' || quote_ident(k.conname), pg_get_constraintdef(k.oid), null
from relation r
join pg_constraint k on k.conrelid = r.oid
where k.contype in ('c', 'p', 'u', 'x') or k.contype = 'f' and k.conparentid = 0
union all
select 'index ' || r.schema || '.' || quote_ident(ic.relname) || ' on ' || r.name,
       case when i.indisunique then 'unique ' else '' end
         || substr(pg_get_indexdef(i.indexrelid), length(
              'CREATE ' || case when i.indisunique then 'UNIQUE ' else '' end || 'INDEX ' || quote_ident(ic.relname) || ' ON '
              || case when r.relkind = 'p' then 'ONLY ' else '' end || r.name || ' USING ') + 1)
         || coalesce((
              select ', part of ' || quote_ident(pn.nspname) || '.' || quote_ident(p.relname)
              from pg_inherits h join pg_class p on p.oid = h.inhparent join pg_namespace pn on pn.oid = p.relnamespace
              where h.inhrelid = i.indexrelid), ''),
       null
from relation r
join pg_index i on i.indrelid = r.oid
join pg_class ic on ic.oid = i.indexrelid
where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
