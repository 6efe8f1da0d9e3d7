"""Statements of all kinds, by what they are about: one sequence a line, its statements parted by `;;`."""

from __future__ import annotations

# Made before, in addition to what `no_state_leak.set_up` makes.
OBJECTS = (
    "CREATE TABLE plain (n INT PRIMARY KEY, t VARCHAR(20))",
    "INSERT INTO plain VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    "CREATE TABLE aria (n INT) ENGINE=Aria",
    "CREATE TABLE parts (n INT) PARTITION BY HASH (n) PARTITIONS 2",
    "CREATE TABLE versions (n INT) WITH SYSTEM VERSIONING",
    "CREATE TABLE spans (n INT AUTO_INCREMENT KEY, a INT, b DATE, c DATE, PERIOD FOR p (b, c))",
    "INSERT INTO spans VALUES (1, 1, '2020-01-01', '2030-01-01')",
    "CREATE VIEW some AS SELECT n FROM plain WHERE n < 3",
    "CREATE FUNCTION takes_lock() RETURNS INT RETURN GET_LOCK('mine', 0)",
    "CREATE FUNCTION date(a INT) RETURNS INT RETURN GET_LOCK('mine', 0)",
    "CREATE FUNCTION `any`(a INT) RETURNS INT RETURN GET_LOCK('mine', 0)",
    "CREATE FUNCTION `in`(a INT) RETURNS INT RETURN GET_LOCK('mine', 0)",
    "CREATE FUNCTION sets_variable() RETURNS INT BEGIN SET @v = 3; RETURN 1; END",
    "CREATE FUNCTION counts() RETURNS INT BEGIN INSERT INTO counted VALUES (); RETURN 1; END",
    "CREATE FUNCTION next_number() RETURNS BIGINT RETURN NEXTVAL(numbers)",
    "CREATE FUNCTION double_of(a INT) RETURNS INT RETURN 2 * a",
    "CREATE PROCEDURE locks() DO GET_LOCK('mine', 0)",
    "CREATE PROCEDURE sets() SET @v = 3, time_zone = '+01:00'",
    "CREATE PROCEDURE begins() START TRANSACTION",
    "CREATE PROCEDURE answers() SELECT 1",
    "CREATE PROCEDURE returns(OUT a INT) SET a = 5",
)

# Each of these leaves nothing, and is known to: there must be no reset behind it.
PLAIN = """
SELECT 1
SELECT 1;
SELECT 1 FROM DUAL
( SELECT 1 )
SELECT 'a', `n` FROM plain ;; COMMIT
SELECT * FROM plain WHERE n IN (1, 2) AND (t LIKE 'o%' OR t IS NULL) ;; ROLLBACK
SELECT COUNT(*), MAX(n), GROUP_CONCAT(t) FROM plain GROUP BY (n > 1) ;; COMMIT
SELECT n FROM plain WHERE EXISTS (SELECT 1 FROM locked) ORDER BY (n) LIMIT 1 ;; COMMIT
SELECT n FROM plain WHERE n > ALL (SELECT 0) AND n = ANY (SELECT 1) ;; COMMIT
SELECT p.n FROM plain p JOIN locked USING (n) LEFT JOIN plain q ON (p.n = q.n) ;; COMMIT
SELECT n FROM plain FOR UPDATE ;; COMMIT
SELECT n FROM plain LOCK IN SHARE MODE ;; COMMIT
SELECT n FROM some ;; COMMIT
SELECT n FROM aria ;; COMMIT
SELECT n FROM parts PARTITION (p0) ;; COMMIT
SELECT NOW(), CURRENT_TIMESTAMP, CONCAT('a', UPPER('b')), IF(1, 2, 3), COALESCE(NULL, 1)
SELECT CASE WHEN (1) THEN (2) ELSE (3) END, CAST(1 AS CHAR), DATE('2020-01-01'), LEFT('abc', 2)
SELECT JSON_EXTRACT('{"a": 1}', '$.a'), SUBSTRING('abc', 2), TRIM(' a '), ROUND(1.5), YEAR(NOW())
SELECT DATE_ADD('2020-01-01', INTERVAL (1) DAY), EXTRACT(YEAR FROM '2020-01-01'), SLEEP(0)
SELECT n, ROW_NUMBER() OVER (ORDER BY n), SUM(n) OVER (PARTITION BY t) FROM plain ;; COMMIT
SELECT 1 UNION (SELECT 2) UNION ALL SELECT 3
SELECT 1 EXCEPT (SELECT 2) INTERSECT (SELECT 3)
SELECT * FROM (SELECT 1 AS a) AS b
WITH a AS (SELECT 1 AS n) SELECT n FROM a
VALUES (1, 2), (3, 4)
UPDATE plain SET t = 'uno' WHERE n = 1 ;; COMMIT
UPDATE plain SET t = UPPER(t) ;; ROLLBACK
UPDATE plain p JOIN locked l ON (p.n = l.n) SET p.t = 'joint' ;; COMMIT
DELETE FROM plain WHERE n = 99 ;; COMMIT
DELETE FROM plain WHERE n = 3 RETURNING t ;; ROLLBACK
DELETE p FROM plain p JOIN locked l ON (p.n = l.n) WHERE p.n = 99 ;; COMMIT
START TRANSACTION ;; UPDATE plain SET t = 'begun' WHERE n = 2 ;; COMMIT
START TRANSACTION READ ONLY ;; SELECT n FROM plain ;; COMMIT
START TRANSACTION WITH CONSISTENT SNAPSHOT ;; ROLLBACK
COMMIT
ROLLBACK WORK
SHOW TABLES
SHOW CREATE TABLE plain
SHOW SESSION STATUS LIKE 'Com_select'
SHOW WARNINGS
DESCRIBE plain
DESC plain t
EXPLAIN SELECT 1
select 1
SELECT\t1
"""

# What of it leaves something, the next borrower must not find; whether there is a reset is up to the pool.
CORPUS: dict[str, str] = {
    "SET": """
SET NAMES utf8mb3 COLLATE utf8mb3_bin
SET CHARACTER SET latin1
SET character_set_client = latin1
SET SESSION sort_buffer_size = 1234567
SET LOCAL div_precision_increment = 7
SET @@session.group_concat_max_len = 2000
SET @@tmp_table_size = 2000000, @@max_heap_table_size = 3000000
SET sql_mode = ''
SET sql_mode = 'ORACLE'
SET sql_log_bin = 0
SET sql_big_selects = 0, sql_select_limit = 5
SET sql_safe_updates = 1
SET sql_notes = 0
SET lc_time_names = 'de_DE'
SET last_insert_id = 99
SET insert_id = 99
SET identity = 99
SET rand_seed1 = 5, rand_seed2 = 6
SET timestamp = 5
SET pseudo_slave_mode = 1
SET skip_replication = 1
SET tx_isolation = 'READ-UNCOMMITTED'
SET SESSION TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE
SET TRANSACTION READ ONLY
SET @@tx_isolation = 'READ-UNCOMMITTED'
SET autocommit = 1 - @@autocommit ;; SET autocommit = 1 - @@autocommit
SET ROLE writer
SET ROLE NONE
SET STATEMENT max_statement_time = 5 FOR SELECT 1
SET STATEMENT sql_mode = '' FOR SELECT GET_LOCK('mine', 0)
SET profiling = 1 ;; SELECT 1
SET session_track_state_change = 0
SET session_track_state_change = 0 ;; SET time_zone = '+02:00'
SET session_track_transaction_info = 'OFF' ;; UPDATE locked SET n = 8
SET optimizer_switch = 'mrr=on'
SET net_write_timeout = 11
SET default_storage_engine = Aria
SET character_set_results = binary
SET GLOBAL init_connect = ''
""",
    "user variables": """
SET @v := 1
SET @`v` = 1, @"w" = 2
SELECT 1 INTO @v
SELECT n FROM plain WHERE n = 1 INTO @v
SELECT n INTO @v FROM plain LIMIT 1
SELECT @v := n FROM plain
SELECT (@v := 5) + 1
SELECT @'v' := 5
SELECT @`v`:=5
SELECT IF(1, @v := 2, 3)
SELECT 'x', "a'b", @v:=7
SELECT '\\\\', @v := 7, '\\\\'
SELECT 1 /*! , @v := 5 */
SELECT 1 /*M! , @v := 5 */
SELECT 1 /*!50101 , @v := 5 */
UPDATE plain SET n = (@v := n) WHERE n = 1 ;; COMMIT
DELETE FROM plain WHERE n = (@v := 99) ;; COMMIT
WITH a AS (SELECT @v := 5) SELECT * FROM a
VALUES (@v := 5)
DO @v := 5
SELECT sets_variable()
SELECT sets_variable ()
SELECT test.sets_variable()
SELECT `sets_variable`()
SELECT n FROM plain WHERE sets_variable() = n ;; COMMIT
SHOW TABLES WHERE sets_variable() = 1
SELECT '@v := 5'
SELECT 'a(b)'
""",
    "locks by name": """
SELECT get_lock('mine', 0)
SELECT Get_Lock("mine", 0)
SELECT 'GET_LOCK', GET_LOCK('mine', 0)
SELECT 1 + GET_LOCK('mine', 0)
SELECT 1 FROM DUAL WHERE GET_LOCK('mine', 0)
SELECT IF(GET_LOCK('mine', 0), 'got', 'not')
SELECT 1 ORDER BY GET_LOCK('mine', 0)
SELECT 1 HAVING GET_LOCK('mine', 0)
SELECT (SELECT GET_LOCK('mine', 0))
SELECT * FROM (SELECT GET_LOCK('mine', 0)) AS a
SELECT /*! GET_LOCK('mine', 0) */
SELECT /*M!100000 GET_LOCK('mine', 0) */
SELECT /* a */ GET_LOCK/* b */('mine', 0)
SELECT MAX(GET_LOCK('mine', 0)) OVER () FROM plain ;; COMMIT
WITH a AS (SELECT GET_LOCK('mine', 0)) SELECT * FROM a
VALUES (GET_LOCK('mine', 0))
DO GET_LOCK('mine', 0)
UPDATE plain SET t = GET_LOCK('mine', 0) WHERE n = 1 ;; COMMIT
DELETE FROM plain WHERE n = 98 + GET_LOCK('mine', 0) ;; COMMIT
SELECT GET_LOCK('mine', 0) ;; SELECT RELEASE_LOCK('mine')
SELECT GET_LOCK('mine', 0) ;; DO RELEASE_ALL_LOCKS()
SELECT GET_LOCK('mine', 0), GET_LOCK('other', 0) ;; SELECT RELEASE_LOCK('other')
SELECT takes_lock()
SELECT takes_lock ()
SELECT `takes_lock`()
SELECT `takes_lock` ()
SELECT test.takes_lock()
SELECT test .takes_lock()
SELECT test. takes_lock()
SELECT test . takes_lock ( )
SELECT `test`.`takes_lock`()
SELECT date(takes_lock())
SELECT test.date(1)
SELECT test. date(1)
SELECT test . date(1)
SELECT `test`. date(1)
SELECT `date`(1)
SELECT `date` (1)
SELECT test.any(1)
SELECT test. any(1)
SELECT `any`(1)
SELECT `in`(1)
SELECT test.`in` (1)
SHOW TABLES WHERE takes_lock() = 1
EXPLAIN SELECT * FROM (SELECT GET_LOCK('mine', 0) LIMIT 1) AS a
ANALYZE SELECT GET_LOCK('mine', 0)
SELECT 'GET_LOCK(1)'
SELECT IS_FREE_LOCK('mine')
""",
    "sequences and counters": """
SELECT NEXTVAL(numbers)
SELECT NEXTVAL (numbers)
SELECT NEXT VALUE FOR numbers
SELECT NEXT  VALUE  FOR numbers
SELECT NEXT\tVALUE\tFOR test.numbers
SELECT next value for numbers
SELECT NEXT/**/VALUE/**/FOR numbers
SELECT NEXT VALUE FOR numbers ;; SELECT PREVIOUS VALUE FOR numbers
SELECT NEXTVAL(numbers) ;; SELECT LASTVAL(numbers)
SELECT SETVAL(numbers, 1000)
SELECT next_number()
UPDATE plain SET t = NEXT VALUE FOR numbers WHERE n = 1 ;; COMMIT
SET sql_mode = 'ORACLE' ;; SELECT numbers.nextval
SELECT * FROM numbers ;; COMMIT
SELECT LAST_INSERT_ID(5)
SELECT LAST_INSERT_ID (5)
SELECT last_insert_id( 5 )
SELECT LAST_INSERT_ID()
UPDATE plain SET n = LAST_INSERT_ID(n) ;; COMMIT
INSERT INTO counted VALUES () ;; COMMIT
INSERT INTO counted VALUES () ;; ROLLBACK
INSERT INTO counted VALUES (), () RETURNING n ;; COMMIT
INSERT INTO counted SELECT NULL FROM plain ;; COMMIT
INSERT INTO counted SET n = NULL ;; COMMIT
EXPLAIN INSERT INTO counted VALUES ()
UPDATE counted SET n = n + 1000 ORDER BY n DESC ;; COMMIT
DELETE FROM counted ;; COMMIT
REPLACE INTO counted VALUES (NULL) ;; COMMIT
INSERT IGNORE INTO counted VALUES (NULL) ;; COMMIT
INSERT INTO plain VALUES (50, 'x') ON DUPLICATE KEY UPDATE n = LAST_INSERT_ID(n) ;; ROLLBACK
SELECT counts() ;; COMMIT
UPDATE spans FOR PORTION OF p FROM '2021-01-01' TO '2021-02-01' SET a = 2 ;; COMMIT
DELETE FROM spans FOR PORTION OF p FROM '2022-01-01' TO '2022-02-01' ;; COMMIT
SELECT SQL_CALC_FOUND_ROWS n FROM plain LIMIT 1 ;; COMMIT
SELECT FOUND_ROWS(), ROW_COUNT()
SELECT RAND(5), UUID_SHORT()
""",
    "procedures and prepared statements": """
CALL locks()
CALL sets()
CALL begins()
CALL answers()
CALL returns(@v)
call locks
BEGIN NOT ATOMIC SET @v = 5; END
BEGIN NOT ATOMIC SELECT 1; END
BEGIN NOT ATOMIC DECLARE a INT DEFAULT GET_LOCK('mine', 0); END
IF 1 THEN SET @v = 5; END IF
FOR i IN 1..2 DO SET @v = i; END FOR
PREPARE s FROM 'SELECT 1'
PREPARE s FROM 'SELECT GET_LOCK(''mine'', 0)' ;; EXECUTE s
PREPARE s FROM 'SELECT 1' ;; EXECUTE s ;; DEALLOCATE PREPARE s
EXECUTE IMMEDIATE 'SELECT GET_LOCK(''mine'', 0)'
EXECUTE IMMEDIATE 'SET @v = 5'
EXECUTE IMMEDIATE CONCAT('SET time_', 'zone = ''+03:00''')
EXECUTE IMMEDIATE 'SELECT 1'
DO 1
DO SLEEP(0)
""",
    "tables that are held": """
HANDLER locked OPEN
HANDLER locked OPEN AS h ;; HANDLER h READ FIRST ;; HANDLER h CLOSE
HANDLER test.locked OPEN ;; HANDLER locked READ `PRIMARY` = (1)
LOCK TABLES locked READ
LOCK TABLE locked READ LOCAL, plain WRITE
LOCK TABLES locked WRITE ;; UNLOCK TABLES
LOCK TABLES locked WRITE ;; SELECT n FROM locked ;; COMMIT
LOCK TABLES locked WRITE ;; START TRANSACTION
FLUSH TABLES WITH READ LOCK
FLUSH TABLES WITH READ LOCK ;; UNLOCK TABLES
FLUSH TABLES locked WITH READ LOCK
FLUSH TABLES locked FOR EXPORT
FLUSH TABLES locked
BACKUP LOCK locked
BACKUP LOCK locked ;; BACKUP UNLOCK
BACKUP STAGE START
BACKUP STAGE START ;; BACKUP STAGE BLOCK_COMMIT
BACKUP STAGE START ;; BACKUP STAGE END
SELECT n FROM locked FOR UPDATE
SELECT n FROM locked LOCK IN SHARE MODE
SELECT n FROM aria
SELECT n FROM parts
SELECT n FROM some
SELECT n FROM versions FOR SYSTEM_TIME ALL
SELECT n FROM locked LIMIT 0
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'test'
EXPLAIN SELECT n FROM locked
EXPLAIN UPDATE locked SET n = 5
EXPLAIN EXTENDED SELECT n FROM locked
ANALYZE UPDATE locked SET n = n
ANALYZE TABLE plain
CHECK TABLE plain
OPTIMIZE TABLE aria
""",
    "temporary tables and schemas": """
CREATE TEMPORARY TABLE passing (n INT)
CREATE TEMPORARY TABLE passing AS SELECT 1 AS n
CREATE OR REPLACE TEMPORARY TABLE passing LIKE plain
CREATE /* quite */ TEMPORARY /*! TABLE */ passing (n INT)
CREATE TEMPORARY TABLE passing (n INT) ;; INSERT INTO passing VALUES (1) ;; SELECT n FROM passing ;; COMMIT
CREATE TEMPORARY TABLE passing (n INT) ;; DROP TEMPORARY TABLE passing
CREATE TEMPORARY TABLE locked (n INT) ;; UPDATE locked SET n = 5 ;; COMMIT
CREATE TEMPORARY SEQUENCE passing
CREATE TABLE created (n INT) ;; DROP TABLE created
CREATE OR REPLACE VIEW viewed AS SELECT 1 ;; DROP VIEW viewed
ALTER TABLE plain COMMENT 'x'
TRUNCATE TABLE aria
RENAME TABLE aria TO renamed ;; RENAME TABLE renamed TO aria
USE other
USE information_schema
USE other ;; USE test
use `other`
CREATE DATABASE passing ;; USE passing ;; DROP DATABASE passing
LOAD INDEX INTO CACHE aria
""",
    "transactions": """
START TRANSACTION
BEGIN WORK
BEGIN ;; UPDATE locked SET n = 7
START TRANSACTION READ ONLY
START TRANSACTION READ WRITE, WITH CONSISTENT SNAPSHOT
START TRANSACTION ;; SAVEPOINT a ;; UPDATE locked SET n = 7
START TRANSACTION ;; SAVEPOINT a ;; UPDATE locked SET n = 7 ;; ROLLBACK TO SAVEPOINT a
UPDATE plain SET t = 'x' WHERE n = 1 ;; COMMIT AND CHAIN
UPDATE plain SET t = 'x' WHERE n = 1 ;; ROLLBACK AND CHAIN
START TRANSACTION READ ONLY ;; COMMIT AND CHAIN
START TRANSACTION READ ONLY ;; COMMIT AND CHAIN ;; COMMIT
SET SESSION TRANSACTION READ ONLY ;; START TRANSACTION ;; COMMIT AND CHAIN
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE ;; START TRANSACTION ;; SELECT n FROM locked
SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED ;; START TRANSACTION ;; COMMIT AND CHAIN ;; ROLLBACK AND CHAIN
SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED ;; START TRANSACTION ;; COMMIT
SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED, READ ONLY
SET completion_type = 'CHAIN' ;; START TRANSACTION ;; COMMIT
COMMIT AND NO CHAIN NO RELEASE
ROLLBACK WORK AND NO CHAIN
SAVEPOINT a
BEGIN ;; SAVEPOINT a ;; RELEASE SAVEPOINT a
BEGIN ;; SAVEPOINT a ;; UPDATE plain SET t = 'saved' WHERE n = 2 ;; ROLLBACK TO a ;; RELEASE SAVEPOINT a ;; COMMIT
UPDATE locked SET n = 7 ;; ROLLBACK
UPDATE plain, locked SET plain.t = 'y', locked.n = locked.n WHERE plain.n = locked.n ;; COMMIT
DELETE FROM versions ;; COMMIT
XA START 'x' ;; XA END 'x' ;; XA ROLLBACK 'x'
XA START 'x', 'y', 3 ;; UPDATE locked SET n = 7
XA RECOVER
START TRANSACTION ;; CREATE TABLE created (n INT) ;; DROP TABLE created
""",
    "warnings": """
SELECT 1 / 0
SELECT 1 / 0 ;; SELECT 1
SELECT 1 / 0 ;; SELECT 1 ;; COMMIT
SELECT 1 / 0 ;; SHOW WARNINGS
SELECT CAST('x' AS INT)
SELECT n FROM plain WHERE t = 0 ;; COMMIT
DROP TABLE IF EXISTS nowhere
SHOW WARNINGS LIMIT 1
SHOW ERRORS
""",
    "everything else": """
SHOW PROCESSLIST
SHOW ENGINE INNODB STATUS
SHOW GRANTS
SHOW PROFILES
SHOW OPEN TABLES
HELP 'SELECT'
FLUSH STATUS
RESET QUERY CACHE
SELECT n FROM plain PROCEDURE ANALYSE() ;; COMMIT
SELECT double_of(4)
SELECT BENCHMARK(10, 1 + 1)
SELECT BENCHMARK(1, GET_LOCK('mine', 0))
SELECT LAST_VALUE(1, 2)
EXPLAIN FORMAT=JSON SELECT 1
SELECT seq FROM seq_1_to_3
SELECT 1 -- GET_LOCK('mine', 0)
SELECT 1 # comment
""",
}
# Behind these the connection is closed by the server, or cannot be reset; the next borrower gets another one.
ENDS = """
COMMIT RELEASE
ROLLBACK AND NO CHAIN RELEASE
KILL CONNECTION_ID()
XA START 'x' ;; XA END 'x' ;; XA PREPARE 'x' ;; XA COMMIT 'x'
"""
# A sequence that ends with an error, and its number.
ERRORS = {
    "SELECT": 1064,
    "SELECT * FROM nowhere": 1146,
    "SELECT @v := 5, nothing": 1054,
    "SELECT GET_LOCK('mine', 0) FROM nowhere": 1146,
    "SELECT GET_LOCK('mine', 0), (SELECT n FROM plain)": 1242,
    "SELECT GET_LOCK('mine', 0) UNION SELECT (SELECT n FROM plain)": 1242,
    "START TRANSACTION ;; SELECT nothing": 1054,
    "UPDATE locked SET n = 7 ;; SIGNAL SQLSTATE '45000'": 1644,
    "BEGIN NOT ATOMIC SET time_zone = '+02:00'; SELECT nothing; END": 1054,
    "LOCK TABLES locked WRITE ;; SELECT n FROM plain": 1100,
    "INSERT INTO counted VALUES (NULL), ('x')": 1366,
    "UPDATE plain SET n = 1": 1062,
    "SET @v = 5 ;; SET time_zone = 'nowhere'": 1298,
    "KILL QUERY 0": 1094,
    "KILL QUERY CONNECTION_ID()": 1317,
    "ROLLBACK TO nowhere": 1305,
}


def sequences(text: str) -> list[str]:
    """The lines of a text."""
    return [line for line in text.split("\n") if line]


# What may stand between a function and its parenthesis.
BLANKS = (" ", "\t", "\n", "\r\n", "\f", "\v", "/**/", "/* x */", "-- x\n", "# x\n", " \n\t ", "/*! */")
SPACED = [
    form.format(blank)
    for blank in BLANKS
    for form in ("SELECT GET_LOCK{}('mine', 0)", "SELECT test.{}date(1)", "SELECT NEXT{0}VALUE{0}FOR numbers")
]
