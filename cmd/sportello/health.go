package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sportello/sportello/ingest/mail"
	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/telegram"
	"github.com/sportello/sportello/ticketing"
)

// health adds /healthz (the process lives), /readyz (it can do its work) and /metrics.
func (a *app) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		if err := a.db.Ping(ctx); err != nil {
			http.Error(w, "database: not reachable", http.StatusServiceUnavailable)
			return
		}
		if why := a.ledger.Paused(); why != "" {
			http.Error(w, "intake paused: "+why, http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &gauges{app: a})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}

// gauges reads the figures from the database when they are asked for: they are true on every replica and cost nothing between.
type gauges struct{ app *app }

var (
	waitingDesc = prometheus.NewDesc("sportello_ingest_waiting", "Items accepted and not yet decided.", nil, nil)
	lagDesc     = prometheus.NewDesc("sportello_ingest_lag_seconds", "Age of the oldest item that is not decided.", nil, nil)
	pausedDesc  = prometheus.NewDesc("sportello_ingest_paused", "1 while nothing is taken in.", []string{"reason"}, nil)
	outboxDesc  = prometheus.NewDesc("sportello_outbox_rows", "Outgoing rows by state.", []string{"state"}, nil)
	boxDesc     = prometheus.NewDesc("sportello_mailbox_up", "1 while the mailbox is being watched by this process.", []string{"mailbox", "state"}, nil)
	missingDesc = prometheus.NewDesc("sportello_ingest_missing", "Mails on the server without a ledger row, at the last hourly comparison.", []string{"mailbox"}, nil)
	slackDesc   = prometheus.NewDesc("sportello_slack_sockets", "Live sockets of this process.", nil, nil)
	botDesc     = prometheus.NewDesc("sportello_telegram_up", "1 while the bot is being polled by this process.", []string{"door", "state", "code"}, nil)
	floodDesc   = prometheus.NewDesc("sportello_telegram_floods", "How often Telegram asked this process to wait, since the start.", []string{"door"}, nil)
	refusedDesc = prometheus.NewDesc("sportello_slack_refused", "Requests to the Slack addresses that Slack did not sign, since the start.", nil, nil)
	foreignDesc = prometheus.NewDesc("sportello_slack_foreign", "Events of other workspaces, dropped since the start.", nil, nil)
	embedDesc   = prometheus.NewDesc("sportello_embeddings_failures", "Requests to the embeddings service that failed since the start; the words decided alone.", nil, nil)
	readDesc    = prometheus.NewDesc("sportello_metrics_ok", "1 if the database answered.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waitingDesc, lagDesc, pausedDesc, outboxDesc, boxDesc, missingDesc, slackDesc, refusedDesc, foreignDesc, botDesc, floodDesc, embedDesc, readDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if why := g.app.ledger.Paused(); why != "" {
		gauge(pausedDesc, 1, why)
	}
	if e := g.app.shelf.embed; e != nil {
		ch <- prometheus.MustNewConstMetric(embedDesc, prometheus.CounterValue, float64(e.failures.Load()))
	}
	for _, d := range g.app.doors {
		switch door := d.Door.(type) {
		case *mail.Door:
			s := door.Mailbox.Status()
			up := 0.0
			if s.State == "reading" || s.State == "idle" || s.State == "holding" {
				up = 1
			}
			gauge(boxDesc, up, door.Name(), s.State)
			gauge(missingDesc, float64(s.Missing), door.Name())
		case *slack.Door:
			n := door.HTTP()
			ch <- prometheus.MustNewConstMetric(foreignDesc, prometheus.CounterValue, float64(n.Foreign))
			if door.Mode() == slack.ModeHTTP {
				ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(n.Refused))
			} else {
				gauge(slackDesc, float64(door.Health().Live))
			}
		case *telegram.Door:
			s := door.Health()
			up := 0.0
			if s.State == "polling" || s.State == "holding" {
				up = 1
			}
			gauge(botDesc, up, door.Name(), s.State, s.Code)
			ch <- prometheus.MustNewConstMetric(floodDesc, prometheus.CounterValue, float64(door.Floods()), door.Name())
		}
	}
	var waiting int
	var oldest time.Time
	var rows map[ticketing.OutgoingState]int
	err := g.app.db.View(ctx, func(tx ticketing.Tx) (err error) {
		if waiting, oldest, err = tx.CountWaiting(ctx); err != nil {
			return err
		}
		rows, err = tx.CountOutgoing(ctx)
		return err
	})
	if err != nil {
		gauge(readDesc, 0)
		return
	}
	gauge(readDesc, 1)
	gauge(waitingDesc, float64(waiting))
	lag := 0.0
	if !oldest.IsZero() {
		lag = g.app.db.Now().Sub(oldest).Seconds()
	}
	gauge(lagDesc, lag)
	for state, n := range rows {
		gauge(outboxDesc, float64(n), string(state))
	}
}
