# Tenon. The two commands are `make run` and `make test`; `make help` lists the rest.

PREFIX      ?= /usr
DESTDIR     ?=
CARGO       ?= cargo
# --no-default-features links the SQLite of the distribution.
CARGO_FLAGS ?=
STAGE       ?= $(CURDIR)/target/stage
INSTALL     ?= install
# -s strips the programs; distributions do that themselves.
STRIP       ?=

BINDIR      = $(PREFIX)/bin
LIBEXECDIR  = $(PREFIX)/libexec/tenon
DATADIR     = $(PREFIX)/share
MANDIR      = $(DATADIR)/man
UNITDIR     = $(PREFIX)/lib/systemd/system
DAEMONS     = auth zonec cfgmgr cmdctl listen loader stats xfrin xfrout zonemgr ddns
COMPONENTS  = auth zonec cfgmgr cmdctl loader stats xfrin xfrout zonemgr ddns
TOOLS       = bindctl tenon-loadzone
RELEASE     = target/release

.PHONY: help build install stage run test chaos edits broker registry load check fuzz deny bench clean
help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

run: ## Boot the service set in namespaces of its own and load an example zone (ZONE=name FILE=path for your own)
	@packaging/run

test: ## Every test and check
	@packaging/test

chaos: ## Kill every part of two Tenons at random for ten minutes and compare them, then 200 kills during updates (TENON_CHAOS_SECONDS=, TENON_CHAOS_KILLS=, TENON_CHAOS_SEED=)
	@packaging/chaos

EDIT_SECONDS ?= 300
edits: stage ## Random edits of zones, signed ones too, that Knot, NSD and BIND fetch: all compared at each serial (EDIT_SECONDS=, TENON_SEED=)
	@bash -c '. packaging/lib.sh; need_root edits; need_for_booting; need_packages named=bind9 knotd=knot nsd=nsd'
	TENON_EDIT_SECONDS=$(EDIT_SECONDS) TENON_STAGE=$(STAGE) $(CARGO) test -p tenon-system-tests --test system random_edits -- --nocapture

broker: stage ## The whole-system tests over dbus-broker in place of dbus-daemon
	@bash -c '. packaging/lib.sh; need_root broker; need_for_booting; need_packages /usr/bin/dbus-broker-launch=dbus-broker'
	TENON_BUS=broker TENON_STAGE=$(STAGE) $(CARGO) test --no-fail-fast -p tenon-system-tests -- --test-threads=1

registry: stage ## 1,000,000 delegations from and to Knot, NSD and BIND, compared by whole transfers (minutes)
	@bash -c '. packaging/lib.sh; need_root registry; need_for_booting; need_packages named=bind9 knotd=knot nsd=nsd'
	TENON_STAGE=$(STAGE) $(CARGO) test -p tenon-system-tests --test system registry:: -- --ignored --test-threads=1 --show-output

load: ## 10,000 changes of settings by 50 clients through the REST door: none lost, none doubled (about ten minutes)
	$(CARGO) build --release -p tenon-cmdctl --examples
	TENON_LOAD_CHANGES=200 $(CARGO) test --release -p tenon-cmdctl --test load -- --nocapture

check: ## Formatting, lints, dependencies, units
	@packaging/check

FUZZ_SECONDS ?= 600
fuzz: ## Look for inputs that break the readers and the answers (nightly compiler; FUZZ_SECONDS for each of six targets)
	cargo fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --version ~0.13 --locked
	for target in question answer master rdata transfer update; do \
	    mkdir -p tests/fuzz/libfuzzer/corpus/$$target && \
	    $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz/libfuzzer $$target tests/fuzz/libfuzzer/corpus/$$target tests/fuzz/seeds/$$target \
	        -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 || exit 1; done

deny: ## Dependency policy with the list of known vulnerabilities (installs cargo-deny, a few minutes)
	cargo deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --version ~0.20 --locked
	$(CARGO) deny check

bench: ## Tables of load time, start time, memory and CPU per query beside the peers (long)
	@packaging/bench

build: ## The programs, optimised
	$(CARGO) build --release --workspace --bins $(CARGO_FLAGS)

stage: build ## What `make install` writes, below target/stage
	@rm -rf $(STAGE)
	@$(MAKE) --no-print-directory install DESTDIR=$(STAGE) STRIP=-s >/dev/null
	@$(INSTALL) -D -m 0755 -s $(RELEASE)/tenon-flood $(STAGE)$(LIBEXECDIR)/tenon-flood

install: ## Put every file where a distribution wants it (DESTDIR=, PREFIX=); needs `make build`
	for name in $(DAEMONS); do $(INSTALL) -D -m 0755 $(STRIP) $(RELEASE)/tenon-$$name $(DESTDIR)$(LIBEXECDIR)/tenon-$$name || exit 1; done
	for name in $(TOOLS); do $(INSTALL) -D -m 0755 $(STRIP) $(RELEASE)/$$name $(DESTDIR)$(BINDIR)/$$name || exit 1; done
	for unit in units/tenon*.service units/tenon*.socket units/tenon*.path units/tenon*.timer units/tenon*.target units/tenon*.slice; do \
	    $(INSTALL) -d $(DESTDIR)$(UNITDIR) && sed 's,@LIBEXECDIR@,$(LIBEXECDIR),;s,@BINDIR@,$(BINDIR),' $$unit > $(DESTDIR)$(UNITDIR)/$${unit##*/} && \
	    chmod 0644 $(DESTDIR)$(UNITDIR)/$${unit##*/} || exit 1; done
	$(INSTALL) -D -m 0644 units/tenon.sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/tenon.conf
	$(INSTALL) -D -m 0644 units/tenon.tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/tenon.conf
	$(INSTALL) -D -m 0644 units/tenon.preset $(DESTDIR)$(PREFIX)/lib/systemd/system-preset/90-tenon.preset
	$(INSTALL) -D -m 0644 units/tenon.catalog $(DESTDIR)$(PREFIX)/lib/systemd/catalog/tenon.catalog
	$(INSTALL) -D -m 0644 units/org.tenon.conf $(DESTDIR)$(DATADIR)/dbus-1/system.d/org.tenon.conf
	for name in Zonec1 Cfgmgr1 Loader1; do $(INSTALL) -D -m 0644 units/org.tenon.$$name.service $(DESTDIR)$(DATADIR)/dbus-1/system-services/org.tenon.$$name.service || exit 1; done
	for xml in dbus-interfaces/*.xml; do $(INSTALL) -D -m 0644 $$xml $(DESTDIR)$(DATADIR)/dbus-1/interfaces/$${xml##*/} || exit 1; done
	$(INSTALL) -D -m 0644 units/org.tenon.policy $(DESTDIR)$(DATADIR)/polkit-1/actions/org.tenon.policy
	$(INSTALL) -D -m 0644 units/tenon.rules $(DESTDIR)$(DATADIR)/polkit-1/rules.d/50-tenon.rules
	$(INSTALL) -d $(DESTDIR)$(DATADIR)/tenon/schema
	for name in $(COMPONENTS); do $(RELEASE)/tenon-$$name --print-schema > $(DESTDIR)$(DATADIR)/tenon/schema/$$name.json || exit 1; done
	$(INSTALL) -d $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(DATADIR)/bash-completion/completions $(DESTDIR)$(DATADIR)/zsh/site-functions $(DESTDIR)$(DATADIR)/fish/vendor_completions.d
	for name in $(TOOLS); do \
	    $(RELEASE)/$$name --generate man > $(DESTDIR)$(MANDIR)/man1/$$name.1 && \
	    $(RELEASE)/$$name --generate bash > $(DESTDIR)$(DATADIR)/bash-completion/completions/$$name && \
	    $(RELEASE)/$$name --generate zsh > $(DESTDIR)$(DATADIR)/zsh/site-functions/_$$name && \
	    $(RELEASE)/$$name --generate fish > $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/$$name.fish || exit 1; done
	$(INSTALL) -D -m 0644 README.md $(DESTDIR)$(DATADIR)/doc/tenon/README.md
	$(INSTALL) -D -m 0644 LICENSE $(DESTDIR)$(DATADIR)/doc/tenon/LICENSE

clean: ## Remove what was built
	$(CARGO) clean
