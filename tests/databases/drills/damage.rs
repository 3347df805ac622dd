//! What can go wrong with a backup that restores without a word.

/// Something that is wrong in a backup, and how it must be told.
pub struct Damage {
    pub what: &'static str,
    /// What does it to a database that was right.
    pub by: &'static str,
    /// The checks that fail, and no others.
    pub fails: &'static [&'static str],
    /// What the output says, among other things.
    pub said: &'static [&'static str],
}

pub const DAMAGES: &[Damage] = &[
    Damage {
        what: "one flipped digit in one row",
        by: "update orders set total = total + 0.10 where id = 12345;",
        fails: &["all rows"],
        said: &["orders: ", "changed id=12345"],
    },
    Damage {
        what: "a row lost, and another one in its place",
        by: "delete from order_lines where order_id = 777 and line = 2;
             insert into order_lines values (778, 9, gen_random_uuid(), 1, 1, null);",
        fails: &["all rows"],
        said: &["order_lines: ", "lost order_id=777 line=2", "extra order_id=778 line=9"],
    },
    Damage {
        what: "a missing index",
        by: "drop index orders_customer_idx;",
        fails: &["schema"],
        said: &["index public.orders_customer_idx on public.orders is missing"],
    },
    Damage {
        what: "a foreign key that was dropped, and a row without its order",
        by: "alter table ledger drop constraint ledger_order_id_fkey; update ledger set order_id = 999999999 where id = 77;",
        fails: &["schema", "all rows"],
        said: &["ledger_order_id_fkey", "ledger: ", "id=77"],
    },
    Damage {
        what: "a foreign key that was never validated, and a row without its order",
        by: "alter table ledger drop constraint ledger_order_id_fkey; update ledger set order_id = 999999999 where id = 77;
             alter table ledger add constraint ledger_order_id_fkey foreign key (order_id) references orders not valid;",
        fails: &["schema", "references", "all rows"],
        said: &["ledger_order_id_fkey", "id=77"],
    },
    Damage {
        what: "a lowered sequence",
        by: "select setval('orders_id_seq', 100);",
        fails: &["sequences"],
        said: &["orders_id_seq"],
    },
    Damage {
        what: "a lowered identity",
        by: "alter table customers alter id restart with 5;",
        fails: &["sequences"],
        said: &["customers_id_seq"],
    },
    Damage {
        what: "a grant that was taken away",
        by: "revoke select on orders from shop_reader;",
        fails: &["schema"],
        said: &["orders", "shop_reader"],
    },
    Damage {
        what: "a trigger that does nothing any more, and a function that counts otherwise",
        by: "alter table customers disable trigger customers_touched;
             create or replace function line_total(quantity integer, price numeric) returns numeric
               language sql immutable as $$ select quantity * price * 1.0 $$;",
        fails: &["schema"],
        said: &["customers_touched", "line_total"],
    },
];
