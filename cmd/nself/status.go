package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg/internal/supervisor"
)

// Exit codes of status, for scripts.
const (
	exitStarting  exitCode = 1
	exitUnhealthy exitCode = 2
)

func newStatus(p *project) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Tell whether the database runs and answers",
		Long: `Tell whether the database runs, by a query over its socket.

The exit code is 0 if it answers, 1 while it starts or if something went wrong, 2 if it does not run or
does not answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := p.paths()
			if err != nil {
				return err
			}
			r, err := examine(cmd.Context(), paths)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(r)
			} else {
				r.print(cmd.OutOrStdout())
			}
			if err != nil {
				return err
			}
			return r.exit()
		},
	}
	c.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	return c
}

// report is what status prints. Programs read it: fields are added, not changed.
type report struct {
	Timestamp time.Time       `json:"timestamp"`
	Services  []serviceReport `json:"services"`
	Summary   struct {
		Total     int `json:"total"`
		Healthy   int `json:"healthy"`
		Unhealthy int `json:"unhealthy"`
	} `json:"summary"`
}

type serviceReport struct {
	Name     string            `json:"name"`
	Status   supervisor.Phase  `json:"status"`
	Healthy  bool              `json:"healthy"`
	Duration time.Duration     `json:"duration"` // of the query, in nanoseconds
	Details  string            `json:"details"`
	State    *supervisor.State `json:"state,omitempty"`
}

// examine asks the supervisor, and the database itself.
func examine(ctx context.Context, paths supervisor.Paths) (report, error) {
	s, err := supervisor.Find(ctx, paths)
	if err != nil {
		return report{}, err
	}
	svc := serviceReport{Name: "postgres", Status: s.Phase}
	switch s.Phase {
	case supervisor.Ready:
		password, err := paths.Password()
		if err != nil {
			return report{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		begin := time.Now()
		if err := supervisor.Ping(ctx, s, password); err != nil {
			svc.Details = err.Error()
		} else {
			svc.Healthy = true
			svc.Details = fmt.Sprintf("PostgreSQL %s, process %d, up %s", s.Version, s.PID, time.Since(s.Started).Round(time.Second))
		}
		svc.Duration = time.Since(begin)
		svc.State = &s
	case supervisor.Crashed:
		svc.Details = "it ended by itself; nself start brings it back, and nothing committed is lost"
		if s.Failure != "" {
			svc.Details = s.Failure
		}
	case supervisor.Stopped:
		svc.Details = "nself start starts it"
	}
	r := report{Timestamp: time.Now(), Services: []serviceReport{svc}}
	r.Summary.Total = 1
	if svc.Healthy {
		r.Summary.Healthy = 1
	} else {
		r.Summary.Unhealthy = 1
	}
	return r, nil
}

func (r report) print(w io.Writer) {
	fmt.Fprintf(w, "%-10s %-10s %s\n", "SERVICE", "STATUS", "DETAILS")
	for _, s := range r.Services {
		status := string(s.Status)
		if s.Status == supervisor.Ready && !s.Healthy {
			status = "unhealthy"
		}
		fmt.Fprintf(w, "%-10s %-10s %s\n", s.Name, status, s.Details)
	}
	fmt.Fprintf(w, "Summary: %d/%d services healthy\n", r.Summary.Healthy, r.Summary.Total)
}

// exit is the exit code as an error, nil for 0.
func (r report) exit() error {
	for _, s := range r.Services {
		if s.Status == supervisor.Starting {
			return exitStarting
		}
	}
	if r.Summary.Unhealthy > 0 {
		return exitUnhealthy
	}
	return nil
}
