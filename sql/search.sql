-- search: which posts, authors and tags have these words, this ID, or words like these?
--
-- :q       text    words, or an ID; the last letters of words may be missing
-- :number  bigint  the same as a number; 0: it is none
-- :limit   int     maximum rows of each kind
--
-- One row per result: what the ID names, then authors, tags and posts, the newest posts first.
WITH asked AS MATERIALIZED (
    SELECT word COLLATE "C" AS word, number, trigrams(word) AS trigrams,
           -- No typos in numbers and short words.
           length(word) >= 4 AND word !~ '^[0-9]+$'
           AND NOT EXISTS (SELECT FROM catalogue_words AS c
                            WHERE c.word >= a.word AND c.word < a.word || chr(1114111)) AS is_unknown
      FROM unnest(search_words(:'q'::text)) WITH ORDINALITY AS a (word, number)
     LIMIT 10
), similar_words AS (
    -- Those that share most of their trigrams with an unknown word: Dice's coefficient.
    SELECT number, word, max(likeness) OVER (PARTITION BY number) - likeness AS behind
      FROM (SELECT a.number, c.word,
                   2.0 * (SELECT count(*) FROM unnest(a.trigrams) AS t WHERE t = ANY (c.trigrams))
                       / (cardinality(a.trigrams) + cardinality(c.trigrams)) AS likeness
              FROM asked AS a
              JOIN catalogue_words AS c ON c.trigrams && a.trigrams
             WHERE a.is_unknown
               AND cardinality(c.trigrams) BETWEEN cardinality(a.trigrams) - 2
                                               AND cardinality(a.trigrams) + 2) AS candidates
     WHERE likeness >= 0.4
), expression AS (
    SELECT string_agg('(' || alternatives || ')', ' & ')::tsquery AS words,
           bool_or(is_similar) AS is_similar
      FROM (SELECT concat_ws(' | ', format('''%s'':*', a.word),
                             string_agg('''' || s.word || '''', ' | ')) AS alternatives,
                   count(s.word) > 0 AS is_similar
              FROM asked AS a
              LEFT JOIN similar_words AS s ON s.number = a.number AND s.behind < 0.1
             GROUP BY a.number, a.word) AS each_word
), named AS (
    SELECT kind, id FROM external_ids WHERE external_id = :'q'::text
    UNION
    SELECT kind, :number::bigint FROM unnest(ARRAY['author', 'post']) AS kind
), by_words AS (
    (SELECT 'author' AS kind, author_id AS id
       FROM authors
      WHERE search_vector(name) @@ (SELECT words FROM expression)
      ORDER BY name, author_id
      LIMIT :limit::int)
    UNION ALL
    (SELECT 'post', post_id
       FROM posts
      WHERE search_vector(title) @@ (SELECT words FROM expression)
        AND post_id NOT IN (SELECT post_id FROM deleted_posts)
      ORDER BY publish_timestamp DESC, post_id DESC
      LIMIT :limit::int)
), matches AS (
    SELECT kind, id, 'id' AS match FROM named
    UNION ALL
    SELECT kind, id, CASE WHEN e.is_similar THEN 'similar' ELSE 'words' END
      FROM by_words, expression AS e
     WHERE (kind, id) NOT IN (SELECT kind, id FROM named)
), results AS (
    SELECT m.kind, m.id, a.name, a.author_category AS category,
           NULL::text AS author_name, NULL::timestamptz AS publish_date, NULL::bigint AS posts, m.match
      FROM matches AS m
      JOIN authors AS a ON a.author_id = m.id
     WHERE m.kind = 'author'
    UNION ALL
    SELECT m.kind, m.id, p.title, p.category, a.name, p.publish_timestamp, NULL, m.match
      FROM matches AS m
      JOIN posts AS p ON p.post_id = m.id
      JOIN authors AS a USING (author_id)
     WHERE m.kind = 'post'
    UNION ALL
    (SELECT 'tag', NULL, t.tag, NULL, NULL, NULL, t.posts,
            CASE WHEN e.is_similar THEN 'similar' ELSE 'words' END
       FROM catalogue_tags AS t, expression AS e
      WHERE search_vector(t.tag) @@ e.words
      ORDER BY t.posts DESC, t.tag
      LIMIT :limit::int)
)
SELECT r.kind, r.id, x.external_id, r.name, r.category, r.author_name, r.publish_date, r.posts,
       r.match
  FROM results AS r
  LEFT JOIN external_ids AS x ON x.kind = r.kind AND x.id = r.id
 ORDER BY (r.match = 'id') DESC, array_position(ARRAY['author', 'tag', 'post'], r.kind),
          r.publish_date DESC NULLS LAST, r.posts DESC NULLS LAST, r.name, r.id;
