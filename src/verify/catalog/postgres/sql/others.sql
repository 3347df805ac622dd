-- Everything else that a dump carries. Objects without a schema that are the server's own have numbers below 16384.
with member as (select classid, objid from pg_depend where deptype = 'e'),
     own as (select oid, quote_ident(nspname) || '.' as prefix from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
select 'database encoding', pg_encoding_to_char(encoding), null from pg_database where datname = current_database()
union all
select 'schema ' || quote_ident(n.nspname), '', null
from own o join pg_namespace n on n.oid = o.oid
where (n.oid, 'pg_namespace'::regclass) not in (select objid, classid from member)
union all
select 'extension ' || quote_ident(e.extname), 'version ' || e.extversion || ' in schema ' || quote_ident(n.nspname), null
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
union all
select 'statistics ' || o.prefix || quote_ident(s.stxname) || ' on ' || quote_ident(tn.nspname) || '.' || quote_ident(tc.relname),
       substr(pg_get_statisticsobjdef(s.oid), length('CREATE STATISTICS ' || o.prefix || quote_ident(s.stxname) || ' ') + 1), null
from pg_statistic_ext s join own o on o.oid = s.stxnamespace
join pg_class tc on tc.oid = s.stxrelid join pg_namespace tn on tn.oid = tc.relnamespace
where (s.oid, 'pg_statistic_ext'::regclass) not in (select objid, classid from member)
union all
select 'collation ' || o.prefix || quote_ident(c.collname),
       concat_ws(', ', case c.collprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
         case when c.collprovider in ('i', 'b') then 'locale ' || coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', c.collcollate)
           else 'collate ' || c.collcollate || ', ctype ' || c.collctype end,
         case when not c.collisdeterministic then 'not deterministic' end,
         'rules ' || quote_literal(to_jsonb(c) ->> 'collicurules')), null
from pg_collation c join own o on o.oid = c.collnamespace
where (c.oid, 'pg_collation'::regclass) not in (select objid, classid from member)
union all
select 'cast (' || format_type(c.castsource, null) || ' as ' || format_type(c.casttarget, null) || ')',
       concat_ws(', ', case c.castmethod when 'b' then 'binary' when 'i' then 'by text' else 'with ' || c.castfunc::regprocedure end,
         case c.castcontext when 'i' then 'implicit' when 'a' then 'in assignments' end), null
from pg_cast c
where c.oid >= 16384 and not exists (select from pg_depend x where x.classid = 'pg_cast'::regclass and x.objid = c.oid and x.deptype in ('e', 'i'))
union all
select 'operator ' || o.prefix || p.oprname || '(' || coalesce(format_type(nullif(p.oprleft, 0), null), 'none') || ', ' || format_type(p.oprright, null) || ')',
       concat_ws(', ', 'function ' || p.oprcode::regprocedure,
         case when p.oprcom <> 0 then 'commutator ' || p.oprcom::regoperator end, case when p.oprnegate <> 0 then 'negator ' || p.oprnegate::regoperator end,
         case when p.oprrest <> 0 then 'restrict ' || p.oprrest::regproc end, case when p.oprjoin <> 0 then 'join ' || p.oprjoin::regproc end,
         case when p.oprcanhash then 'hashes' end, case when p.oprcanmerge then 'merges' end), null
from pg_operator p join own o on o.oid = p.oprnamespace
where (p.oid, 'pg_operator'::regclass) not in (select objid, classid from member)
union all
select 'operator family ' || o.prefix || quote_ident(f.opfname) || ' using ' || am.amname,
       concat_ws(', ', (
         select string_agg('operator ' || m.amopstrategy || ' ' || m.amopopr::regoperator, ', ' order by m.amopstrategy, m.amopopr::regoperator::text)
         from pg_amop m where m.amopfamily = f.oid), (
         select string_agg('function ' || m.amprocnum || ' ' || m.amproc::regprocedure, ', ' order by m.amprocnum, m.amproc::regprocedure::text)
         from pg_amproc m where m.amprocfamily = f.oid)), null
from pg_opfamily f join own o on o.oid = f.opfnamespace join pg_am am on am.oid = f.opfmethod
where (f.oid, 'pg_opfamily'::regclass) not in (select objid, classid from member)
union all
select 'operator class ' || o.prefix || quote_ident(c.opcname) || ' using ' || am.amname,
       concat_ws(', ', 'for ' || format_type(c.opcintype, null), case when c.opcdefault then 'default' end,
         'family ' || quote_ident(fn.nspname) || '.' || quote_ident(f.opfname), case when c.opckeytype <> 0 then 'storage ' || format_type(c.opckeytype, null) end), null
from pg_opclass c join own o on o.oid = c.opcnamespace join pg_am am on am.oid = c.opcmethod
join pg_opfamily f on f.oid = c.opcfamily join pg_namespace fn on fn.oid = f.opfnamespace
where (c.oid, 'pg_opclass'::regclass) not in (select objid, classid from member)
union all
select 'text search configuration ' || o.prefix || quote_ident(c.cfgname),
       'parser ' || quote_ident(pn.nspname) || '.' || quote_ident(p.prsname) || coalesce(', ' || (
         select string_agg(m.alias || ' ' || m.dictionaries, ', ' order by m.alias) from (
           select t.alias, string_agg(quote_ident(dn.nspname) || '.' || quote_ident(d.dictname), '+' order by x.mapseqno) as dictionaries
           from pg_ts_config_map x join ts_token_type(c.cfgparser) t on t.tokid = x.maptokentype
           join pg_ts_dict d on d.oid = x.mapdict join pg_namespace dn on dn.oid = d.dictnamespace
           where x.mapcfg = c.oid group by t.alias) m), ''), null
from pg_ts_config c join own o on o.oid = c.cfgnamespace
join pg_ts_parser p on p.oid = c.cfgparser join pg_namespace pn on pn.oid = p.prsnamespace
where (c.oid, 'pg_ts_config'::regclass) not in (select objid, classid from member)
union all
select 'text search dictionary ' || o.prefix || quote_ident(d.dictname),
       concat_ws(', ', 'template ' || quote_ident(tn.nspname) || '.' || quote_ident(t.tmplname), d.dictinitoption), null
from pg_ts_dict d join own o on o.oid = d.dictnamespace
join pg_ts_template t on t.oid = d.dicttemplate join pg_namespace tn on tn.oid = t.tmplnamespace
where (d.oid, 'pg_ts_dict'::regclass) not in (select objid, classid from member)
union all
select 'text search parser ' || o.prefix || quote_ident(p.prsname),
       concat_ws(', ', p.prsstart::text, p.prstoken::text, p.prsend::text, p.prsheadline::text, p.prslextype::text), null
from pg_ts_parser p join own o on o.oid = p.prsnamespace
where (p.oid, 'pg_ts_parser'::regclass) not in (select objid, classid from member)
union all
select 'text search template ' || o.prefix || quote_ident(t.tmplname), concat_ws(', ', t.tmplinit::text, t.tmpllexize::text), null
from pg_ts_template t join own o on o.oid = t.tmplnamespace
where (t.oid, 'pg_ts_template'::regclass) not in (select objid, classid from member)
union all
select 'conversion ' || o.prefix || quote_ident(c.conname),
       concat_ws(', ', pg_encoding_to_char(c.conforencoding) || ' to ' || pg_encoding_to_char(c.contoencoding), 'by ' || c.conproc::text, case when c.condefault then 'default' end), null
from pg_conversion c join own o on o.oid = c.connamespace
where (c.oid, 'pg_conversion'::regclass) not in (select objid, classid from member)
union all
select 'foreign data wrapper ' || quote_ident(w.fdwname),
       concat_ws(', ', case when w.fdwhandler <> 0 then 'handler ' || w.fdwhandler::regproc end, case when w.fdwvalidator <> 0 then 'validator ' || w.fdwvalidator::regproc end,
         'options sha256:' || left(encode(sha256(convert_to(array_to_string(w.fdwoptions, E'\n'), 'UTF8')), 'hex'), 32)), null
from pg_foreign_data_wrapper w
where (w.oid, 'pg_foreign_data_wrapper'::regclass) not in (select objid, classid from member)
union all
select 'server ' || quote_ident(s.srvname),
       concat_ws(', ', 'by ' || quote_ident(w.fdwname), 'type ' || quote_literal(s.srvtype), 'version ' || quote_literal(s.srvversion),
         'options sha256:' || left(encode(sha256(convert_to(array_to_string(s.srvoptions, E'\n'), 'UTF8')), 'hex'), 32)), null
from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw
where (s.oid, 'pg_foreign_server'::regclass) not in (select objid, classid from member)
union all
select 'user mapping for ' || case u.umuser when 0 then 'public' else quote_ident(u.usename) end || ' on server ' || quote_ident(u.srvname), '', null
from pg_user_mappings u
union all
select 'language ' || quote_ident(l.lanname), concat_ws(', ', case when l.lanpltrusted then 'trusted' end, 'handler ' || l.lanplcallfoid::regproc), null
from pg_language l
where l.lanispl and (l.oid, 'pg_language'::regclass) not in (select objid, classid from member)
union all
select 'access method ' || quote_ident(a.amname), 'type ' || a.amtype::text || ', handler ' || a.amhandler::text, null
from pg_am a
where a.oid >= 16384 and (a.oid, 'pg_am'::regclass) not in (select objid, classid from member)
union all
select 'transform for ' || format_type(t.trftype, null) || ' language ' || quote_ident(l.lanname),
       'from ' || t.trffromsql::text || ', to ' || t.trftosql::text, null
from pg_transform t join pg_language l on l.oid = t.trflang
where (t.oid, 'pg_transform'::regclass) not in (select objid, classid from member)
