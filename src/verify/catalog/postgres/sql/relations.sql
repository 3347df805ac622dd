-- Tables, views, materialized views and foreign tables: what they are, beside their columns. The text of a view comes apart.
select case c.relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'f' then 'foreign table ' else 'table ' end
         || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       concat_ws(', ',
         case when c.relkind in ('v', 'm') then '(' || (
           select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                    || case when a.attcollation <> t.typcollation then ' collate ' || (
                         select quote_ident(ns.nspname) || '.' || quote_ident(co.collname)
                         from pg_collation co join pg_namespace ns on ns.oid = co.collnamespace where co.oid = a.attcollation) else '' end
                    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), ', ' order by a.attnum)
           from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) || ')' end,
         case when c.relkind = 'p' then 'partitioned by ' || pg_get_partkeydef(c.oid) end,
         case when c.relispartition then 'partition of ' || (
           select quote_ident(pn.nspname) || '.' || quote_ident(p.relname)
           from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
           where i.inhrelid = c.oid) || ' ' || pg_get_expr(c.relpartbound, c.oid) end,
         case when not c.relispartition then 'inherits ' || (
           select string_agg(quote_ident(pn.nspname) || '.' || quote_ident(p.relname), ', ' order by i.inhseqno)
           from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
           where i.inhrelid = c.oid) end,
         case when c.reloftype <> 0 then 'of ' || format_type(c.reloftype, null) end,
         case when c.relpersistence = 'u' then 'unlogged' end,
         case when am.amname <> 'heap' then 'access method ' || quote_ident(am.amname) end,
         case when c.relrowsecurity then 'row level security' end,
         case when c.relforcerowsecurity then 'row level security forced' end,
         case case when c.relkind in ('r', 'p', 'm') then c.relreplident end when 'n' then 'replica identity nothing' when 'f' then 'replica identity full'
           when 'i' then 'replica identity ' || (
             select quote_ident(ic.relname) from pg_index i join pg_class ic on ic.oid = i.indexrelid
             where i.indrelid = c.oid and i.indisreplident) end,
         'clustered on ' || (
           select quote_ident(ic.relname) from pg_index i join pg_class ic on ic.oid = i.indexrelid
           where i.indrelid = c.oid and i.indisclustered),
         case when c.relkind = 'm' and not c.relispopulated then 'not populated' end,
         (select 'on server ' || quote_ident(s.srvname) || coalesce(', options sha256:'
                   || left(encode(sha256(convert_to(array_to_string(ft.ftoptions, E'\n'), 'UTF8')), 'hex'), 32), '')
          from pg_foreign_table ft join pg_foreign_server s on s.oid = ft.ftserver where ft.ftrelid = c.oid),
         (select 'with (' || string_agg(o, ', ' order by o) || ')' from (
            select unnest(c.reloptions) as o
            union all select 'toast.' || unnest(tc.reloptions) from pg_class tc where tc.oid = c.reltoastrelid) x)),
       case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_am am on am.oid = c.relam and c.relkind in ('r', 'p', 'm')
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relname <> '_firedrill'
  and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
