package backup

import "testing"

func TestCountIndexes(t *testing.T) {
	n := int64(0)
	for _, line := range []string{
		";", "; Archive created at 2026-01-02 03:04:05 UTC", ";     TOC Entries: 12", "219; 1259 16385 TABLE public t postgres", "3348; 0 16385 TABLE DATA public t postgres",
		"3203; 2606 16390 CONSTRAINT public t t_pkey postgres", "3204; 1259 16391 INDEX public t_i postgres", "3205; 2606 16400 FK CONSTRAINT public t t_fk postgres",
		"3206; 0 0 COMMENT public INDEX t_i postgres", "3210; 0 0 INDEX ATTACH public t_i postgres", "3211; 2606 16402 CHECK CONSTRAINT public t t_check postgres",
	} {
		n += countIndexes(line)
	}
	if n != 4 { // INDEX ATTACH is counted: it is done there too
		t.Error(n)
	}
}
