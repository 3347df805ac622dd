-- A row of ordinary values, one of NULLs, one of zeros and empty texts, for every type that MySQL and MariaDB share.
set sql_mode = '', time_zone = '+00:00';
create table every_type (
  id int primary key, ti tinyint, si smallint unsigned, mi mediumint, bi bigint unsigned, z int(5) unsigned zerofill,
  dz decimal(8,2) zerofill, de decimal(30,10), fl float, db double, bt bit(64), yr year, d date, dt datetime(6),
  ts timestamp(6) null, tm time(3), ch char(10), vc varchar(50), l1 varchar(50) character set latin1,
  u16 varchar(20) character set utf16, ascii_text char(36) character set ascii, bin binary(4), vb varbinary(20), bl longblob,
  tx longtext, en enum('a','b','Zoë'), st set('x','y','z'), ge geometry, ci varchar(20) collate utf8mb4_general_ci,
  made int as (ti + 1) virtual
) default character set utf8mb4;
insert into every_type (id) values (1);
insert into every_type (id,ti,si,mi,bi,z,dz,de,fl,db,bt,yr,d,dt,ts,tm,ch,vc,l1,u16,ascii_text,bin,vb,bl,tx,en,st,ge,ci) values
(2,-128,65535,-8388608,18446744073709551615,42,1.5,-12345678901234567890.0123456789,1.1,0.1,x'ffffffffffffffff',2026,
 '2026-01-02','2026-01-02 03:04:05.000006','2026-01-02 03:04:05.000006','-838:59:59.000','pad  ','Zoë ','Zoë ÿ','Zoë',
 'c4ca4238-a0b9-2382-0dcc-509a6f75849b','ab','a\0b',x'00ff23','text 😀','Zoë','x,z',st_geomfromtext('POINT(1 2)'),'Ada'),
(3,0,0,0,0,0,0,0,0,0,0,0,'0000-00-00','0000-00-00 00:00:00','0000-00-00 00:00:00','00:00:00','','','','','','','','','','','',
 st_geomfromtext('POLYGON((0 0,0 1,1 1,0 0))'),'');
