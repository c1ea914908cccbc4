# The front door: see README.md. What is built and how is in meson.build.
#
#     make            installs what is missing, builds; the program is build/cairn
#     make demo       the same, then trains on real data and compares with other optimisers
#     make test       the same, then all tests
#     make bench      the same, then measures
#     make install    library, headers, pkg-config file, program, man page, bash completion
#                     (PREFIX=/usr/local, DESTDIR= for packagers)
#     make test-slow  fuzzing for a while, and reports opened in a browser
#     make clean      removes everything that was built

BUILD = build
PREFIX = /usr/local
DATA = /usr/share/datasets/fashion-mnist
LOCOPROP = inner_lr=3e-4,inner_momentum=0.99,inner_eps=1e-7
ADAM = optimizer=adam,optimizer_options=learning_rate=1e-3
DEMO = $(BUILD)/cairn train locoprop --data $(DATA) --seconds 50 --evaluate-items 5000 \
	--arms "LocoProp-M:$(LOCOPROP);Adam:$(ADAM)"

all:
	@tools/install-dependencies
	@tools/build $(BUILD) --prefix $(PREFIX)
	@echo "The program is $(BUILD)/cairn. Next: make demo, or $(BUILD)/cairn help"

demo: all
	$(DEMO)

test:
	@tools/install-dependencies test
	@tools/run-tests $(BUILD)

test-slow:
	@tools/install-dependencies test slow
	@tools/run-slow-tests $(BUILD)

bench: all
	$(BUILD)/cairn bench step --model mlp
	$(BUILD)/cairn bench step --model autoencoder
	bench/peers/run

# Builds nothing as root when `make` was run before as a user.
install:
	@test -x $(BUILD)/cairn || $(MAKE) all
	meson install -C $(BUILD) --no-rebuild
	@test -n "$(DESTDIR)" || ldconfig 2> /dev/null || true

# The reference page is made from the option tables.
docs: all
	$(BUILD)/cairn help reference > docs/reference.md

clean:
	rm -rf $(BUILD) build-test

.PHONY: all demo test test-slow bench install docs clean
