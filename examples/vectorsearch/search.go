// Package vectorsearch finds texts by meaning with pgvector: each text is stored with a vector, and the nearest vectors to
// that of a question come first. Where the vectors come from is the program's choice: embed here counts trigrams of letters, so
// that the example needs no model.
package vectorsearch

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// dimensions of a vector.
const dimensions = 256

// Schema is what the search needs in its database. The index makes the search approximate and quick (HNSW).
const Schema = `
CREATE EXTENSION vector;
CREATE TABLE document (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	text text NOT NULL,
	embedding vector(256) NOT NULL
);
CREATE INDEX ON document USING hnsw (embedding vector_cosine_ops);
`

// Add stores texts.
func Add(ctx context.Context, pool *pgxpool.Pool, texts ...string) error {
	var batch pgx.Batch
	for _, text := range texts {
		batch.Queue("INSERT INTO document (text, embedding) VALUES ($1, $2::vector)", text, embed(text))
	}
	return pool.SendBatch(ctx, &batch).Close()
}

// Search returns up to n texts, the nearest to the question first.
func Search(ctx context.Context, pool *pgxpool.Pool, question string, n int) ([]string, error) {
	rows, _ := pool.Query(ctx, "SELECT text FROM document ORDER BY embedding <=> $1::vector LIMIT $2", embed(question), n)
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// embed returns a vector as pgvector reads it: [0,1,0,...].
func embed(text string) string {
	counts := make([]int, dimensions)
	letters := []rune(" " + strings.ToLower(text) + " ")
	for i := range len(letters) - 2 {
		h := fnv.New32a()
		h.Write([]byte(string(letters[i : i+3])))
		counts[h.Sum32()%dimensions]++
	}
	return strings.ReplaceAll(fmt.Sprint(counts), " ", ",")
}
