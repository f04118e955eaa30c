package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// Exit codes of status and health, for scripts.
const (
	exitStarting  exitCode = 1
	exitUnhealthy exitCode = 2
)

const statusExits = `The exit code is 0 if all are healthy, 1 while one is starting or if something went wrong, 2 if one does not run
or does not answer.`

func newStatus(p *project) *cobra.Command {
	var verbose, metrics bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show whether the services run and answer",
		Long: `Tell whether the services run: the embedded database by a query over its socket, the others by what
Docker says of their health checks.

` + statusExits,
		Example: "  nself status\n  nself status --json",
		Args:    cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "print where the database's files, socket and log are")
	c.Flags().BoolVar(&metrics, "metrics", false, "print the database's connections, sizes and counts")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := p.examine(cmd.Context())
		if err != nil {
			return err
		}
		if metrics {
			if err := p.measure(cmd.Context(), &r); err != nil {
				return err
			}
		}
		if *asJSON {
			err = printJSON(cmd.OutOrStdout(), r)
		} else {
			err = p.printStatus(cmd.OutOrStdout(), r, verbose)
		}
		if err != nil {
			return err
		}
		return r.exit()
	}
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
	Metrics *databaseMetrics `json:"metrics,omitempty"`
}

type serviceReport struct {
	Name     string            `json:"name"`
	Status   string            `json:"status"` // ready, starting, restarting, stopping, stopped, crashed; of a container also Docker's words
	Healthy  bool              `json:"healthy"`
	Duration time.Duration     `json:"duration"` // of the query, in nanoseconds
	Details  string            `json:"details"`
	State    *supervisor.State `json:"state,omitempty"` // of the embedded database
	Checks   []finding         `json:"checks,omitempty"`
	answers  bool              // the database has answered
}

// examine asks the supervisor, the database itself, and Docker.
func (p *project) examine(ctx context.Context) (report, error) {
	r := report{Timestamp: time.Now()}
	if p.Embedded || !p.built() {
		paths, err := p.paths()
		if err != nil {
			return r, err
		}
		s, err := p.examineEmbedded(ctx, paths)
		if err != nil {
			return r, err
		}
		if s.Status == string(supervisor.Stopped) {
			s.Details = p.howToStart()
		}
		r.Services = append(r.Services, s)
	}
	if p.built() {
		r.Services = append(r.Services, p.examineContainers(ctx)...)
	}
	for _, s := range r.Services {
		if s.Healthy {
			r.Summary.Healthy++
		}
	}
	r.Summary.Total = len(r.Services)
	r.Summary.Unhealthy = r.Summary.Total - r.Summary.Healthy
	return r, nil
}

// howToStart is what to type for the embedded database to run: with the rest if there is one.
func (p *project) howToStart() string {
	switch {
	case p.built():
		return "nself start starts it"
	case p.Embedded:
		return "start it: nself start --embedded-pg --only postgres"
	}
	return "nothing was started here yet: nself start --embedded-pg --only postgres, or nself start --embedded-pg with Docker"
}

func (p *project) examineEmbedded(ctx context.Context, paths supervisor.Paths) (serviceReport, error) {
	s, err := supervisor.Find(ctx, paths)
	if err != nil {
		return serviceReport{}, err
	}
	r := serviceReport{Name: "postgres", Status: string(s.Phase), State: &s}
	switch s.Phase {
	case supervisor.Stopped:
		r.State = nil
	case supervisor.Ready:
		password, err := paths.Password()
		if err != nil {
			return r, err
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		begin := time.Now()
		f, err := embedded(s, password).readFacts(ctx)
		if r.Duration = time.Since(begin); err != nil {
			r.Details = reason(err).Error()
			break
		}
		r.answers = true
		r.Details = fmt.Sprintf("PostgreSQL %s, process %d, up %s", s.Version, s.PID, time.Since(s.Started).Round(time.Second))
		if s.Branch != "" {
			r.Details = "branch " + s.Branch + ": " + r.Details
		}
		r.Checks = append(append(checkFacts(f), checkArchiveDir(s)...), freeDisk(paths.Data()))
		r.Healthy = len(only("failure", r.Checks)) == 0
	case supervisor.Restarting:
		r.Details = "it is started again, after a crash: " + s.LastCrash.Reason
	case supervisor.Crashed:
		r.Details = s.Failure + "; nself start brings it back, and nothing committed is lost"
	default:
		r.Details = s.Failure
	}
	r.Checks = append(append(r.Checks, checkCrash(paths)...), p.checkBackups(ctx))
	return r, nil
}

// examineContainers asks Docker. If Docker does not answer that is what each service's details say.
func (p *project) examineContainers(ctx context.Context) (list []serviceReport) {
	found := map[string]container{}
	b, err := p.docker(ctx)
	if err == nil {
		found, err = b.containers(ctx)
	}
	for _, name := range compose.Services(p.Project) {
		c, there := found[name]
		s := serviceReport{Name: name, Status: c.State, Healthy: c.healthy(), Details: c.Status}
		switch {
		case err != nil:
			s.Status, s.Details = "unknown", err.Error()
		case !there:
			s.Status, s.Details = string(supervisor.Stopped), "nself start starts it"
		case c.starting():
			s.Status = string(supervisor.Starting)
		case c.healthy():
			s.Status = string(supervisor.Ready)
		}
		list = append(list, s)
	}
	return list
}

func (p *project) printStatus(w io.Writer, r report, verbose bool) error {
	fmt.Fprintf(w, "%-10s %-10s %s\n", "SERVICE", "STATUS", "DETAILS")
	for _, s := range r.Services {
		status := s.Status
		if status == string(supervisor.Ready) && !s.Healthy {
			status = "unhealthy"
		}
		colour := red
		if s.Healthy {
			colour = green
		} else if status == string(supervisor.Starting) || status == string(supervisor.Restarting) {
			colour = yellow
		}
		fmt.Fprintf(w, "%-10s %s %s\n", s.Name, paint(w, colour, fmt.Sprintf("%-10s", status)), s.Details)
	}
	for _, s := range r.Services {
		if verbose {
			printFindings(w, s.Checks)
		} else {
			printFindings(w, append(only("failure", s.Checks), only("warning", s.Checks)...))
		}
	}
	fmt.Fprintf(w, "Summary: %d/%d services healthy\n", r.Summary.Healthy, r.Summary.Total)
	if r.Metrics != nil {
		r.Metrics.print(w)
	}
	if verbose && len(r.Services) > 0 && r.Services[0].State != nil {
		paths, err := p.paths()
		if err != nil {
			return err
		}
		describe(w, paths, *r.Services[0].State)
		fmt.Fprintf(w, "  data      %s\n", paths.Data())
	}
	return nil
}

// exit is the exit code as an error, nil for 0.
func (r report) exit() error {
	for _, s := range r.Services {
		if s.Status == string(supervisor.Starting) || s.Status == string(supervisor.Restarting) {
			return exitStarting
		}
	}
	if r.Summary.Unhealthy > 0 {
		return exitUnhealthy
	}
	return nil
}

type healthReport struct {
	Healthy   bool     `json:"healthy"`
	Total     int      `json:"total"`     // services
	Unhealthy int      `json:"unhealthy"` // of them
	Reasons   []string `json:"reasons,omitempty"`
}

func newHealth(p *project) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "health",
		Short: "Say whether the backend is healthy, or wait until it is",
		Long: `Print "healthy", or which services are not, and why. A database that answers is unhealthy when its
log cannot be archived, a replication slot has lost what it needs, all connections are taken, its
disk is full, its transaction ids run out, or pages are damaged. What will become trouble is a
warning of status and doctor.

` + statusExits,
		Example: "  nself health --wait 60s",
		Args:    cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.Flags().DurationVar(&wait, "wait", 0, "how long to wait until all are healthy")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := p.healthy(cmd.Context(), wait)
		if err != nil {
			return err
		}
		var bad []string
		for _, s := range r.Services {
			bad = append(bad, s.trouble()...)
		}
		switch {
		case *asJSON:
			err = printJSON(cmd.OutOrStdout(), healthReport{len(bad) == 0, r.Summary.Total, r.Summary.Unhealthy, bad})
		case len(bad) == 0:
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "healthy")
		default:
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "unhealthy: "+strings.Join(bad, ", "))
		}
		return errors.Join(err, r.exit())
	}
	return c
}

// trouble says why a service is not healthy; nothing if it is.
func (s serviceReport) trouble() []string {
	if s.Healthy {
		return nil
	}
	if s.answers {
		return []string{s.Name + ": " + only("failure", s.Checks)[0].Detail}
	}
	text := s.Name + " is " + s.Status
	if s.Status == string(supervisor.Ready) {
		text = s.Name + " does not answer"
	}
	if s.Details != "" && s.State != nil { // else a container's, in Docker's words, or how to start
		text += ": " + s.Details
	}
	return []string{text}
}

// healthy examines until all are healthy or the time is over.
func (p *project) healthy(ctx context.Context, wait time.Duration) (report, error) {
	end := time.Now().Add(wait)
	for {
		r, err := p.examine(ctx)
		if err != nil || r.Summary.Unhealthy == 0 || !time.Now().Before(end) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(min(time.Second, time.Until(end))):
		}
	}
}
