-- dead_letters_by_reason: numbers of dead letters by reason
--
-- One row per reason, most pending first. A dead letter is pending until it is replayed.
SELECT reason,
       count(*) FILTER (WHERE replay_outcome IS NULL) AS pending,
       count(replay_outcome)                          AS replayed,
       min(dead_lettered_timestamp)                   AS first,
       max(dead_lettered_timestamp)                   AS last,
       max(dead_letter_id)                            AS newest_id
  FROM dead_letters
 GROUP BY reason
 ORDER BY pending DESC, reason;
