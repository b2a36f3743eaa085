-- external_id_stamp: may what is remembered of external ids still be used?
--
-- One row: yes, if it is what it was. Until the transaction ends, it does not change.
SELECT external_id_stamp();
