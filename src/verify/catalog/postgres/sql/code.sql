-- Functions, procedures, aggregates. The text of a body comes as its digest; one that is stored parsed (from 14 on) apart.
select case p.prokind when 'p' then 'procedure ' when 'a' then 'aggregate ' else 'function ' end
         || quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || coalesce((
              select string_agg(format_type(a.kind, null), ', ' order by a.place)
              from unnest(p.proargtypes::oid[]) with ordinality a(kind, place)), '') || ')',
       concat_ws(', ',
         'arguments (' || pg_get_function_arguments(p.oid) || ')',
         'returns ' || pg_get_function_result(p.oid),
         'language ' || l.lanname,
         case p.prokind when 'w' then 'window' end,
         case p.provolatile when 'i' then 'immutable' when 's' then 'stable' end,
         case when p.proisstrict then 'strict' end,
         case when p.prosecdef then 'security definer' end,
         case when p.proleakproof then 'leakproof' end,
         case p.proparallel when 's' then 'parallel safe' when 'r' then 'parallel restricted' end,
         case when p.procost <> case when l.lanname in ('internal', 'c') then 1 else 100 end then 'cost ' || p.procost end,
         case when p.proretset and p.prorows <> 1000 then 'rows ' || p.prorows end,
         case when p.prosupport <> 0 then 'support ' || p.prosupport::regprocedure end,
         'for ' || (select string_agg(format_type(x, null), ', ') from unnest(p.protrftypes) x),
         'set ' || array_to_string(p.proconfig, ', '),
         'library ' || p.probin,
         case when p.prokind <> 'a' and to_jsonb(p) ->> 'prosqlbody' is null
           then 'body sha256:' || left(encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'), 32) end,
         (select concat_ws(', ',
                   case g.aggkind when 'o' then 'ordered set, ' || g.aggnumdirectargs || ' direct' when 'h' then 'hypothetical set, ' || g.aggnumdirectargs || ' direct' end,
                   'by ' || g.aggtransfn::regprocedure || ' over ' || format_type(g.aggtranstype, null),
                   'initially ' || quote_literal(g.agginitval),
                   case when g.aggfinalfn <> 0 then 'finally ' || g.aggfinalfn::regprocedure || ' ' || g.aggfinalextra || ' ' || g.aggfinalmodify::text end,
                   case when g.aggcombinefn <> 0 then 'combined by ' || g.aggcombinefn::regprocedure end,
                   case when g.aggserialfn <> 0 then 'serialized by ' || g.aggserialfn::regprocedure end,
                   case when g.aggdeserialfn <> 0 then 'deserialized by ' || g.aggdeserialfn::regprocedure end,
                   case when g.aggmtransfn <> 0 then 'moving by ' || g.aggmtransfn::regprocedure || ', ' || g.aggminvtransfn::regprocedure
                     || ' over ' || format_type(g.aggmtranstype, null) end,
                   case when g.aggmfinalfn <> 0 then 'moving finally ' || g.aggmfinalfn::regprocedure end,
                   'moving initially ' || quote_literal(g.aggminitval),
                   case when g.aggsortop <> 0 then 'sorted by ' || g.aggsortop::regoperator end)
          from pg_aggregate g where g.aggfnoid = p.oid)),
       case when to_jsonb(p) ->> 'prosqlbody' is not null then pg_get_functiondef(p.oid) end
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend x where x.classid = 'pg_proc'::regclass and x.objid = p.oid and x.deptype in ('e', 'i'))
