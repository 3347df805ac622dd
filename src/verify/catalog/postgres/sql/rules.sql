-- What runs or decides when rows are written or read: triggers, rules, policies, event triggers.
with relation as (
  select c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relname <> '_firedrill'
    and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
)
select 'trigger ' || r.name || '.' || quote_ident(t.tgname),
       case when t.tgconstraint <> 0 then 'constraint ' else '' end
         || substr(pg_get_triggerdef(t.oid), length(
              'CREATE ' || case when t.tgconstraint <> 0 then 'CONSTRAINT ' else '' end || 'TRIGGER ' || quote_ident(t.tgname) || ' ') + 1)
         || case t.tgenabled when 'D' then ', disabled' when 'R' then ', enabled on replicas' when 'A' then ', enabled always' else '' end,
       null
from relation r
join pg_trigger t on t.tgrelid = r.oid
where not t.tgisinternal and t.tgparentid = 0
union all
select 'rule ' || r.name || '.' || quote_ident(w.rulename),
       concat_ws(' ', 'on', case w.ev_type when '1' then 'select' when '2' then 'update' when '3' then 'insert' else 'delete' end,
         case when w.is_instead then 'instead' else 'also' end,
         case w.ev_enabled when 'D' then 'disabled' when 'R' then 'enabled on replicas' when 'A' then 'enabled always' end),
       pg_get_ruledef(w.oid)
from relation r
join pg_rewrite w on w.ev_class = r.oid
where w.rulename <> '_RETURN'
union all
select 'policy ' || r.name || '.' || quote_ident(p.polname),
       concat_ws(' ', case when p.polpermissive then 'permissive' else 'restrictive' end,
         'for', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
         'to', (select string_agg(case o when 0 then 'public' else quote_ident(pg_get_userbyid(o)) end, ', ' order by 1) from (
                  select x as o from unnest(p.polroles) x order by case x when 0 then '' else pg_get_userbyid(x) end) s),
         'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
         'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
       null
from relation r
join pg_policy p on p.polrelid = r.oid
union all
select 'event trigger ' || quote_ident(e.evtname),
       concat_ws(' ', 'on', e.evtevent, 'when tag in (' || array_to_string(e.evttags, ', ') || ')', 'execute', e.evtfoid::regprocedure,
         case e.evtenabled when 'D' then 'disabled' when 'R' then 'enabled on replicas' when 'A' then 'enabled always' end),
       null
from pg_event_trigger e
where not exists (select from pg_depend x where x.classid = 'pg_event_trigger'::regclass and x.objid = e.oid and x.deptype = 'e')
