-- Foreign keys, each as the pieces of an anti-join: rows of the child (c) that find no row of the parent (p).
-- What the server makes for each partition is part of the constraint it belongs to.
select quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       quote_ident(k.conname),
       quote_ident(pn.nspname) || '.' || quote_ident(p.relname),
       case when c.relkind = 'p' then '' else 'only ' end || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       case when p.relkind = 'p' then '' else 'only ' end || quote_ident(pn.nspname) || '.' || quote_ident(p.relname),
       string_agg('c.' || quote_ident(ca.attname) || ' is not null', case k.confmatchtype when 'f' then ' or ' else ' and ' end order by x.place),
       string_agg(
         case when period.is and x.place = cardinality(k.conkey)
           then 'p.' || quote_ident(pa.attname) || ' operator(pg_catalog.&&) c.' || quote_ident(ca.attname)
           else 'p.' || quote_ident(pa.attname) || ' operator(' || quote_ident(onn.nspname) || '.' || o.oprname || ') c.' || quote_ident(ca.attname)
             || case when ca.attcollation <> pa.attcollation and pa.attcollation <> 0
                  then ' collate ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname) else '' end end,
         ' and ' order by x.place)
         || case when period.is then (
              select ' having c.' || quote_ident(ca.attname) || ' operator(pg_catalog.<@) range_agg(p.' || quote_ident(pa.attname) || ')'
              from pg_attribute ca, pg_attribute pa
              where ca.attrelid = k.conrelid and ca.attnum = k.conkey[cardinality(k.conkey)]
                and pa.attrelid = k.confrelid and pa.attnum = k.confkey[cardinality(k.confkey)]) else '' end,
       (select 'concat_ws('' '', ' || string_agg(quote_literal(a.attname || '=') || ' || ' || case t.typcategory when 'N' then 'c.' || quote_ident(a.attname) || '::text'
                 else 'quote_literal(left(c.' || quote_ident(a.attname) || '::text, 40))' end, ', ' order by y.place) || ')'
        from pg_index i, unnest(i.indkey::smallint[]) with ordinality y(number, place)
        join pg_attribute a on true join pg_type t on t.oid = a.atttypid
        where i.indrelid = k.conrelid and i.indisprimary and a.attrelid = k.conrelid and a.attnum = y.number and y.place <= i.indnkeyatts),
       (select string_agg('c.' || quote_ident(a.attname), ', ' order by y.place)
        from pg_index i, unnest(i.indkey::smallint[]) with ordinality y(number, place)
        join pg_attribute a on true
        where i.indrelid = k.conrelid and i.indisprimary and a.attrelid = k.conrelid and a.attnum = y.number and y.place <= i.indnkeyatts),
       case when not period.enforced then ' (not enforced)' when not k.convalidated then ' (not validated)' else '' end
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid
join pg_namespace pn on pn.oid = p.relnamespace
cross join lateral (select coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) as is, coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) as enforced) period
cross join lateral unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality x(child, parent, operator, place)
join pg_attribute ca on ca.attrelid = c.oid and ca.attnum = x.child
join pg_attribute pa on pa.attrelid = p.oid and pa.attnum = x.parent
join pg_operator o on o.oid = x.operator
join pg_namespace onn on onn.oid = o.oprnamespace
left join pg_collation co on co.oid = pa.attcollation
left join pg_namespace cn on cn.oid = co.collnamespace
where k.contype = 'f' and k.conparentid = 0 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
group by k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.confmatchtype, k.convalidated, c.relname, c.relkind, n.nspname, p.relname, p.relkind, pn.nspname, period.is, period.enforced
order by 1, 2
