-- live_posts: which posts are engaged with now?
--
-- :since  timestamptz  start of the window
-- :until  timestamptz  end of the period, exclusive
-- :limit  int          maximum rows
--
-- One row per post of the catalogue, most engaged first, equal ones by ID.
SELECT p.post_id, p.title, p.author_id, a.name AS author_name, p.category,
       e.views, e.likes, e.comments, e.shares, e.total_engagements
  FROM (SELECT post_id,
               count(*) FILTER (WHERE type = 'view')    AS views,
               count(*) FILTER (WHERE type = 'like')    AS likes,
               count(*) FILTER (WHERE type = 'comment') AS comments,
               count(*) FILTER (WHERE type = 'share')   AS shares,
               count(*)                                 AS total_engagements
          FROM engagements
         WHERE engaged_timestamp >= :'since'::timestamptz
           AND engaged_timestamp < :'until'::timestamptz
         GROUP BY post_id) AS e
  JOIN posts AS p USING (post_id)
  JOIN authors AS a USING (author_id)
 ORDER BY e.total_engagements DESC, p.post_id
 LIMIT :limit::int;
