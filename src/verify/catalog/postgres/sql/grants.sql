-- Owners, and how grants differ from those that an object has by itself: an unset list and one that says the same are one.
-- What all privileges are depends on the version, so that having all of them is one grant.
-- The owner and the grants of the schema `public` differ by version and are left out, but for grants to named roles.
with member as (select classid, objid from pg_depend where deptype = 'e'),
     own as (select oid, quote_ident(nspname) || '.' as prefix from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
thing as (
  select 'n'::"char" as kind, 'schema ' || quote_ident(n.nspname) as name, ''::text as part, n.nspowner as owner, n.nspacl as acl, n.nspname <> 'public' as owned, true as granted
  from own o join pg_namespace n on n.oid = o.oid
  where (n.oid, 'pg_namespace'::regclass) not in (select objid, classid from member)
  union all
  select case c.relkind when 'S' then 's'::"char" else 'r'::"char" end,
         case c.relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'f' then 'foreign table ' when 'S' then 'sequence ' else 'table ' end
           || o.prefix || quote_ident(c.relname), '', c.relowner, c.relacl,
         c.relkind <> 'S' or not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')), true
  from pg_class c join own o on o.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relname <> '_firedrill' and (c.oid, 'pg_class'::regclass) not in (select objid, classid from member)
  union all
  select 'c', case c.relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'f' then 'foreign table ' else 'table ' end
           || o.prefix || quote_ident(c.relname), ' (' || quote_ident(a.attname) || ')', c.relowner, a.attacl, false, true
  from pg_class c join own o on o.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
  where a.attacl is not null and not a.attisdropped and c.relname <> '_firedrill' and (c.oid, 'pg_class'::regclass) not in (select objid, classid from member)
  union all
  select 'f', case p.prokind when 'p' then 'procedure ' when 'a' then 'aggregate ' else 'function ' end
           || o.prefix || quote_ident(p.proname) || '(' || coalesce((
                select string_agg(format_type(a.kind, null), ', ' order by a.place) from unnest(p.proargtypes::oid[]) with ordinality a(kind, place)), '') || ')',
         '', p.proowner, p.proacl, true, true
  from pg_proc p join own o on o.oid = p.pronamespace
  where not exists (select from pg_depend x where x.classid = 'pg_proc'::regclass and x.objid = p.oid and x.deptype in ('e', 'i'))
  union all
  select 'T', case t.typtype when 'd' then 'domain ' else 'type ' end || o.prefix || quote_ident(t.typname), '', t.typowner, t.typacl, true, true
  from pg_type t join own o on o.oid = t.typnamespace
  where (t.typtype in ('e', 'd', 'r') or t.typtype = 'b' and not exists (select from pg_type e where e.typarray = t.oid)
         or t.typtype = 'c' and (select c.relkind from pg_class c where c.oid = t.typrelid) = 'c')
    and (t.oid, 'pg_type'::regclass) not in (select objid, classid from member)
  union all
  select 'F', 'foreign data wrapper ' || quote_ident(w.fdwname), '', w.fdwowner, w.fdwacl, true, true
  from pg_foreign_data_wrapper w where (w.oid, 'pg_foreign_data_wrapper'::regclass) not in (select objid, classid from member)
  union all
  select 'S', 'server ' || quote_ident(s.srvname), '', s.srvowner, s.srvacl, true, true
  from pg_foreign_server s where (s.oid, 'pg_foreign_server'::regclass) not in (select objid, classid from member)
  union all
  select 'l', 'language ' || quote_ident(l.lanname), '', l.lanowner, l.lanacl, true, true
  from pg_language l where l.lanispl and (l.oid, 'pg_language'::regclass) not in (select objid, classid from member)
  union all
  select null, 'operator ' || o.prefix || p.oprname || '(' || coalesce(format_type(nullif(p.oprleft, 0), null), 'none') || ', ' || format_type(p.oprright, null) || ')',
         '', p.oprowner, null, true, false
  from pg_operator p join own o on o.oid = p.oprnamespace where (p.oid, 'pg_operator'::regclass) not in (select objid, classid from member)
  union all
  select null, 'event trigger ' || quote_ident(e.evtname), '', e.evtowner, null, true, false
  from pg_event_trigger e where (e.oid, 'pg_event_trigger'::regclass) not in (select objid, classid from member)
),
has as (
  select t.kind, t.name, t.part, t.owner, x.grantee, x.privilege_type, x.is_grantable
  from thing t, aclexplode(coalesce(t.acl, acldefault(t.kind, t.owner))) x where t.granted
),
had as (
  select t.kind, t.name, t.part, t.owner, x.grantee, x.privilege_type, x.is_grantable
  from thing t, aclexplode(acldefault(t.kind, t.owner)) x where t.granted
),
given as (
  -- By another name than the owner's a privilege may come from several who gave it.
  select kind, name, part, owner, grantee, privilege_type, bool_or(is_grantable) as grantable
  from (select * from has except select * from had) h
  where not (name = 'schema public' and grantee in (0, owner))
  group by 1, 2, 3, 4, 5, 6
),
given_all as (
  select kind, name, part, grantee, array_agg(lower(privilege_type) order by privilege_type) as privileges, bool_and(grantable) as all_grantable, bool_or(grantable) as any_grantable,
         count(*) > 1 and count(*) = (select count(*) from aclexplode(acldefault(case kind when 'c' then 'r' else kind end, owner)) x
                                      where x.grantee = given.owner and (kind <> 'c' or x.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES'))) as complete
  from given group by kind, name, part, grantee, owner
),
taken_all as (
  select name, part, grantee, privilege_type
  from (select name, part, owner, grantee, privilege_type from had except select name, part, owner, grantee, privilege_type from has) h
  where not (name = 'schema public' and grantee in (0, owner))
),
taken as (
  -- A dump of a server to 16 says what is left to an owner: MAINTAIN, which came with 17, is taken together with the rest.
  select t.name, t.part, t.grantee, lower(t.privilege_type) as privilege
  from taken_all t
  where t.privilege_type <> 'MAINTAIN' or not exists (
    select from taken_all o where o.name = t.name and o.part = t.part and o.grantee = t.grantee and o.privilege_type <> 'MAINTAIN')
)
select 'owner of ' || name, quote_ident(pg_get_userbyid(owner)), null from thing where owned
union all
select 'grant ' || p.privilege || g.part || ' on ' || g.name || ' to ' || case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
       case when p.grantable then 'with grant option' else '' end, null
from given_all g
cross join lateral (
  select 'all' as privilege, g.all_grantable as grantable where g.complete and g.all_grantable = g.any_grantable
  union all
  select lower(x.privilege_type), x.grantable from given x
  where x.name = g.name and x.part = g.part and x.grantee = g.grantee and not (g.complete and g.all_grantable = g.any_grantable)
) p
union all
select 'revoke ' || t.privilege || t.part || ' on ' || t.name || ' from ' || case t.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(t.grantee)) end, '', null
from taken t
union all
select 'default ' || case d.given when 1 then 'grant ' else 'revoke ' end || lower(d.privilege_type)
         || ' on ' || case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end
         || coalesce(' in schema ' || quote_ident(n.nspname), '') || ' by ' || quote_ident(pg_get_userbyid(d.defaclrole))
         || case d.given when 1 then ' to ' else ' from ' end || case d.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(d.grantee)) end,
       case when d.given = 1 and d.is_grantable then 'with grant option' else '' end, null
from (
  with stated as (
    select a.defaclrole, a.defaclnamespace, a.defaclobjtype, x.grantee, x.privilege_type, x.is_grantable
    from pg_default_acl a, aclexplode(a.defaclacl) x
  ), usual as (
    select a.defaclrole, a.defaclnamespace, a.defaclobjtype, x.grantee, x.privilege_type, x.is_grantable
    from pg_default_acl a, aclexplode(acldefault(case a.defaclobjtype when 'S' then 's' else a.defaclobjtype end, a.defaclrole)) x
    where a.defaclnamespace = 0
  )
  select 1 as given, s.* from (select * from stated except select * from usual) s
  union all
  select 0, u.* from (select * from usual except select * from stated) u
) d
left join pg_namespace n on n.oid = d.defaclnamespace
