-- Types and sequences. A table's row type, an array's type and a range's multirange come with what they belong to.
select case t.typtype when 'd' then 'domain ' else 'type ' end || quote_ident(n.nspname) || '.' || quote_ident(t.typname),
       case
       when not t.typisdefined then 'not defined'
       when t.typtype = 'e' then 'enum (' || coalesce((
         select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid), '') || ')'
       when t.typtype = 'c' then '(' || coalesce((
         select string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                  case when a.attcollation <> at.typcollation then 'collate ' || (
                    select quote_ident(ns.nspname) || '.' || quote_ident(co.collname)
                    from pg_collation co join pg_namespace ns on ns.oid = co.collnamespace where co.oid = a.attcollation) end), ', ' order by a.attnum)
         from pg_attribute a join pg_type at on at.oid = a.atttypid
         where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), '') || ')'
       when t.typtype = 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
         case when t.typcollation <> b.typcollation then 'collate ' || (
           select quote_ident(ns.nspname) || '.' || quote_ident(co.collname)
           from pg_collation co join pg_namespace ns on ns.oid = co.collnamespace where co.oid = t.typcollation) end,
         case when t.typnotnull then 'not null' end,
         'default ' || coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)),
         (select string_agg('constraint ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), ' ' order by k.conname)
          from pg_constraint k where k.contypid = t.oid and k.contype = 'c'))
       when t.typtype = 'r' then (
         select concat_ws(', ', 'range of ' || format_type(r.rngsubtype, null),
                  (select 'collate ' || quote_ident(ns.nspname) || '.' || quote_ident(co.collname)
                   from pg_collation co join pg_namespace ns on ns.oid = co.collnamespace
                   join pg_type st on st.oid = r.rngsubtype where co.oid = r.rngcollation and r.rngcollation <> st.typcollation),
                  (select 'ordered by ' || quote_ident(ns.nspname) || '.' || quote_ident(o.opcname)
                   from pg_opclass o join pg_namespace ns on ns.oid = o.opcnamespace where o.oid = r.rngsubopc),
                  case when r.rngcanonical <> 0 then 'canonical ' || r.rngcanonical::regprocedure end,
                  case when r.rngsubdiff <> 0 then 'difference ' || r.rngsubdiff::regprocedure end)
         from pg_range r where r.rngtypid = t.oid)
       else concat_ws(', ', 'base', 'input ' || t.typinput::regprocedure, 'output ' || t.typoutput::regprocedure,
         'length ' || t.typlen, case when t.typbyval then 'by value' end, 'alignment ' || t.typalign::text, 'storage ' || t.typstorage::text)
       end,
       null
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_type b on b.oid = t.typbasetype
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and (t.typtype in ('e', 'd', 'r') or t.typtype in ('b', 'p') and not exists (select from pg_type e where e.typarray = t.oid)
       or t.typtype = 'c' and (select c.relkind from pg_class c where c.oid = t.typrelid) = 'c')
  and not exists (select from pg_depend x where x.classid = 'pg_type'::regclass and x.objid = t.oid and x.deptype = 'e')
union all
select 'sequence ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       format_type(s.seqtypid, null) || ' start ' || s.seqstart || ' increment ' || s.seqincrement || ' from ' || s.seqmin || ' to ' || s.seqmax
         || ' cache ' || s.seqcache || case when s.seqcycle then ' cycle' else '' end
         || coalesce((
              select case d.deptype when 'i' then ', identity of ' else ', owned by ' end
                     || quote_ident(tn.nspname) || '.' || quote_ident(tc.relname) || '.' || quote_ident(a.attname)
              from pg_depend d
              join pg_class tc on tc.oid = d.refobjid
              join pg_namespace tn on tn.oid = tc.relnamespace
              join pg_attribute a on a.attrelid = tc.oid and a.attnum = d.refobjsubid
              where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')), ''),
       null
from pg_sequence s
join pg_class c on c.oid = s.seqrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
