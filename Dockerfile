# One image for Beam workers, for the launcher, and (with EXTRAS=train,gcp) for the trainer.
#   docker build --tag tokenmill .
#   docker run tokenmill tokenmill doctor
ARG PYTHON=3.11
ARG BEAM=2.77.0

FROM python:${PYTHON}-slim-bookworm AS kenlm
ARG KENLM=0.3.0
RUN apt-get update && apt-get install --yes --no-install-recommends \
    cmake g++ make libboost-program-options-dev libboost-system-dev libboost-thread-dev libboost-test-dev \
    zlib1g-dev libbz2-dev liblzma-dev
# kenlm's own source package holds lmplz and build_binary beside the Python module.
RUN pip download --no-deps --no-binary kenlm "kenlm==${KENLM}" --dest /source
RUN mkdir /kenlm && tar --extract --gzip --strip-components 1 --file /source/kenlm-*.tar.gz --directory /kenlm
RUN cmake -S /kenlm -B /kenlm/build -DCMAKE_BUILD_TYPE=Release -DFORCE_STATIC=ON \
    && make -C /kenlm/build --jobs 4 lmplz build_binary

FROM apache/beam_python${PYTHON}_sdk:${BEAM}
ARG EXTRAS=gcp,aws
RUN apt-get update && apt-get install --yes --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
COPY --from=kenlm /kenlm/build/bin/lmplz /kenlm/build/bin/build_binary /usr/local/bin/
COPY pyproject.toml README.md LICENSE /tokenmill/
COPY pipeline /tokenmill/pipeline
COPY filters /tokenmill/filters
COPY tokenizer /tokenmill/tokenizer
COPY mixtures /tokenmill/mixtures
COPY trainer /tokenmill/trainer
RUN pip install --no-cache-dir "/tokenmill[${EXTRAS}]"
# Kernels compile once here, so that no worker's first unit pays for it; and the doctor says that all is there.
RUN python -c "import filters.fingerprint, filters.shingles" && tokenmill doctor
# Beam starts its workers through its own entry point, which stays as it is.
