package vectorsearch_test

import (
	"testing"

	"vectorsearch"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

func TestSearch(t *testing.T) {
	pool := pgxtest.New(t, pgtest.SQL(vectorsearch.Schema)).Pool(t)
	err := vectorsearch.Add(t.Context(), pool,
		"A checkpoint writes all dirty pages to disk",
		"Figs and plums are ripe in September",
		"The train to the coast leaves at noon")
	if err != nil {
		t.Fatal(err)
	}
	for question, want := range map[string]string{
		"dirty pages of a checkpoint": "A checkpoint writes all dirty pages to disk",
		"ripe figs":                   "Figs and plums are ripe in September",
		"when does the train leave?":  "The train to the coast leaves at noon",
	} {
		got, err := vectorsearch.Search(t.Context(), pool, question, 1)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Error(question, got, err)
		}
	}
}
