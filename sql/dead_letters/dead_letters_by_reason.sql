-- dead_letters_by_reason: what could not be stored, and why?
--
-- One row a reason, most that wait first. They wait until they are replayed.
SELECT reason,
       count(*) FILTER (WHERE replay_outcome IS NULL) AS waiting,
       count(replay_outcome)                          AS replayed,
       min(dead_lettered_timestamp)                   AS first,
       max(dead_lettered_timestamp)                   AS last,
       max(dead_letter_id)                            AS newest_id
  FROM dead_letters
 GROUP BY reason
 ORDER BY waiting DESC, reason;
