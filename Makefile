# Every command a person types; `make` alone lists them. The work is in scripts/.
SHELL := bash
.DEFAULT_GOAL := help
VENV := .venv/bin

##@ The cluster
up: ## start everything, until all is healthy; brings a Docker engine if there is none
	@scripts/up.sh
down: ## stop everything, keep the data
	@scripts/down.sh
clean: ## remove everything that was made, data and passwords too
	@scripts/down.sh --clean
images: ## build the images (seconds when nothing changed)
	@scripts/engine.sh && scripts/secrets.sh && scripts/images.sh
status: ## every container: health, memory, CPU
	@scripts/status.sh
logs: ## follow the logs; of one service, or one instance: make logs S=orders-a
	@scripts/logs.sh $(S)
backup: ## copy all databases, as they are at one moment, into backups/
	@scripts/backup.sh
restore: ## begin anew with a backup: make restore FROM=backups/..., REPLACE=yes where there is data
	@scripts/restore.sh $(FROM)
watch: ## every pool and instance, live
	@scripts/watch.sh

##@ Break it
kill: ## SIGKILL an instance or a zone: make kill I=orders-a-1, make kill ZONE=a
	@scripts/fault.sh kill $(I) $(ZONE)
pause: ## freeze it: it takes connections and never answers
	@scripts/fault.sh pause $(I) $(ZONE)
cut: ## take it off the network
	@scripts/fault.sh cut $(I) $(ZONE)
split: ## drop every packet between it and the rest
	@scripts/fault.sh split $(I) $(ZONE)
fill: ## fill its disk, if that is a small one (scripts/small-disk.sh on): make fill I=kafka-b-1
	@scripts/fault.sh fill $(I)
slow: ## make each packet that it sends wait: make slow ZONE=a MS=200
	@scripts/fault.sh slow $(MS) $(I) $(ZONE)
stop: ## stop it in order: it drains first
	@scripts/fault.sh stop $(I) $(ZONE)
acquirer: ## turn the outside company's knobs: make acquirer KNOBS="error_rate=1 latency_ms=500", KNOBS=default
	@scripts/acquirer.sh $(KNOBS)
switchover: ## hand the Postgres primary's part to its synchronous standby, in order
	@scripts/switchover.sh
heal: ## undo every fault
	@scripts/fault.sh heal $(I) $(ZONE)

##@ Use it
load: ## people who browse and buy: make load RATE=100 ORDERS=10 TIME=60s SHAPE=spike
	@scripts/load.sh
load-ui: ## the same from Locust's own page
	@scripts/load.sh ui
confirmed: ## how long an order waits to be confirmed, one after the other: make confirmed COUNT=40
	@scripts/tools.sh python -m loadtests.confirmed
demo: ## two minutes: load, a dead instance, a dead zone, and what was lost
	@scripts/demo.sh
dlq: ## list the dead letters; again to where they came from: make dlq REPLAY=all
	@scripts/dlq.sh

##@ Game days: faults on purpose, under load, and a verdict
gameday: venv ## one of them: make gameday G=kill-zone SEED=7 (make gameday alone lists them)
	@$(VENV)/python -m gamedays $(if $(G),run $(G) $(if $(SEED),--seed $(SEED)),list)
gamedays: venv ## all of them, one after the other; SHORT=1: the few that make test has, too; ROUNDS=5
	@$(VENV)/python -m gamedays run $(if $(SHORT),--short) $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

gamedays-record: venv ## put the runs under reports/ on record (gamedays/runs.jsonl), and print the docs' table
	@$(VENV)/python -m gamedays record && $(VENV)/python -m gamedays table

gamedays-mutants: venv ## does each check catch the bug that is planted for it? BUG=no-inbox: one of them; BUG=crash-points: death at each step
	@$(VENV)/python -m gamedays.planted $(BUG)

##@ Measure the balancer
bench: ## beside HAProxy, nginx, Envoy: make bench ROUNDS=5 TIME=3s SCENARIOS=small,l4 PEERS=haproxy,holdfast
	@scripts/bench.sh bench

bench-failover: ## the same, while a backend dies, hangs, errs, restarts: make bench-failover CASES=kill,hang
	@scripts/bench.sh failover
soak: ## everything at once for long; is memory flat at the end? make soak TIME=1h (LEAK=yes plants one)
	@scripts/bench.sh soak
fuzz: venv ## damaged requests and answers against its HTTP reader: make fuzz TIME=60s SEED=1
	@$(VENV)/python -m tests.fuzz --time $(or $(TIME),60s) $(if $(SEED),--seed $(SEED))

##@ Work on it
venv: ## the virtual environment of tests and checks
	@scripts/venv.sh
lint: venv ## ruff, mypy, shellcheck where it is there
	@$(VENV)/ruff check . && $(VENV)/ruff format --check . && $(VENV)/mypy
	@if command -v shellcheck >/dev/null; then shellcheck -x scripts/*.sh docker/*.sh docker/healthy; fi
lock: ## pin what requirements/*.in ask for, by version and hash; the newest of all: make lock UPGRADE=yes
	@scripts/lock.sh
compiled: venv ## the balancer's hot modules by mypyc, into build/compiled: PYTHONPATH=build/compiled python -P -m loadbalancer
	@$(VENV)/python docker/compile.py . build/compiled
fmt: venv ## format the code
	@$(VENV)/ruff format . && $(VENV)/ruff check --fix .
test: test-unit test-integration test-cluster test-gamedays ## all tests, the quick ones first
test-unit: venv ## decisions and protocols, no I/O, seconds
	@$(VENV)/python -m pytest tests/unit -q -n 2
test-integration: venv images ## real processes on loopback
	@$(VENV)/python -m pytest tests/integration -q -n 2 --dist loadfile
test-compiled: compiled ## the balancer's integration tests, on the compiled one
	@BALANCER=build/compiled $(VENV)/python -m pytest tests/integration/loadbalancer -q
test-cluster: venv up ## real containers, really killed
	@$(VENV)/python -m pytest tests/cluster -q
test-gamedays: venv up ## the short game days
	@$(VENV)/python -m gamedays run --short

help:
	@awk -F':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-16s  %s\n", $$1, $$2 }' Makefile

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' Makefile)
.NOTPARALLEL:
