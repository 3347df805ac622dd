-- What is stored, the server's own tables too: number, name, kind. Temporary things belong to a session; what is unlogged is empty on a standby.
select c.oid::text,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname)
         || coalesce(' (large values of ' || quote_ident(tn.nspname) || '.' || quote_ident(t.relname) || ')', ''),
       case c.relkind when 'i' then am.amname || ' index' else case am.amname when 'heap' then 'table' else am.amname || ' table' end end
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_am am on am.oid = c.relam
left join pg_index i on i.indexrelid = c.oid
left join pg_class t on t.reltoastrelid = c.oid and c.relkind = 't'
left join pg_namespace tn on tn.oid = t.relnamespace
where c.relkind in ('r', 'm', 't', 'i') and c.relpersistence <> 't'
  and not (c.relpersistence = 'u' and pg_is_in_recovery())
  and (c.relkind <> 'i' or i.indisvalid and i.indisready and i.indislive)
  and (c.relkind <> 'm' or c.relispopulated)
order by c.relkind = 'i', 2
