-- What the catalog and the server say of themselves: a kind of line, and the line.
select 'checksums', current_setting('data_checksums')
union all
select 'failure', checksum_failures || ' pages with a wrong checksum were met in this database, the last at ' || checksum_last_failure
from pg_stat_database where datname = current_database() and checksum_failures > 0
union all
select 'server', 'the server is in recovery: it still replays what its primary wrote' where pg_is_in_recovery()
union all
select 'server', 'the server ignores damage (' || name || ' = ' || setting || '): set it to off'
from pg_settings where name in ('ignore_checksum_failure', 'zero_damaged_pages', 'ignore_system_indexes', 'ignore_invalid_pages') and setting = 'on'
union all
select 'tables', count(*)::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relname <> '_firedrill'
union all
select * from (
  select 'index', 'index ' || quote_ident(n.nspname) || '.' || quote_ident(ic.relname) || ' is '
           || case when not i.indislive then 'being dropped' when not i.indisready then 'not ready' else 'not valid' end
           || ': queries don''t use it, and if it is unique it may not keep rows from being double; REINDEX it, or ATTACH what is missing'
  from pg_index i
  join pg_class ic on ic.oid = i.indexrelid
  join pg_namespace n on n.oid = ic.relnamespace
  where not (i.indisvalid and i.indisready and i.indislive)
  order by 2) x
union all
select * from (
  select 'constraint', 'constraint ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(k.conname) || ' is not '
           || case when to_jsonb(k) ->> 'conenforced' = 'false' then 'enforced' else 'validated' end || ': rows from before may not fulfil it'
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  join pg_namespace n on n.oid = c.relnamespace
  where (not k.convalidated or to_jsonb(k) ->> 'conenforced' = 'false') and k.conparentid = 0
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  order by 2) x
union all
select * from (
  select 'system trigger', 'table ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ': its references are not enforced, since '
           || count(*) || ' of its internal triggers are switched off; ALTER TABLE … ENABLE TRIGGER ALL'
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid
  join pg_namespace n on n.oid = c.relnamespace
  where t.tgisinternal and t.tgparentid = 0 and t.tgenabled = 'D' and t.tgconstraint <> 0
  group by n.nspname, c.relname
  order by 2) x
union all
select * from (
  select 'trigger', 'trigger ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(t.tgname) || ' is switched off'
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid
  join pg_namespace n on n.oid = c.relnamespace
  where not t.tgisinternal and t.tgparentid = 0 and t.tgenabled = 'D'
  order by 2) x
union all
select * from (
  select 'collation', 'collation ' || quote_ident(n.nspname) || '.' || quote_ident(c.collname) || ' was of version ' || c.collversion
           || ' when objects were made with it, and is of version ' || pg_collation_actual_version(c.oid) || ' here: indexes over it may be in another order; REINDEX them'
  from pg_collation c
  join pg_namespace n on n.oid = c.collnamespace
  where c.collversion <> pg_collation_actual_version(c.oid)
    and exists (select from pg_depend d where d.refclassid = 'pg_collation'::regclass and d.refobjid = c.oid)
  order by 2) x
union all
select 'collation', 'the database''s own collation was of version ' || (to_jsonb(d) ->> 'datcollversion') || ' when it was made, and is of version '
         || pg_collation_actual_version(100) || ' here: indexes over text may be in another order; REINDEX DATABASE'
from pg_database d
where d.datname = current_database() and to_jsonb(d) ->> 'datcollversion' <> pg_collation_actual_version(100)
