# One image: Dataflow's workers, the launcher of the Flex Template, any machine; with EXTRAS=train,gcp the trainer too.
#   docker build --tag tokenmill .
#   docker run --entrypoint tokenmill tokenmill doctor
# Where there is no Docker, tests/image/replay.py runs these lines in a plain Debian root.
ARG PYTHON=3.11.13
ARG BEAM=2.77.0
ARG LAUNCHER=flex_templates_base_image_release_20240628_RC00

# Of these two nothing but one program each is taken, so that the image is Python's slim one and what we install.
FROM apache/beam_python3.11_sdk:${BEAM} AS beam
FROM gcr.io/dataflow-templates-base/python311-template-launcher-base:${LAUNCHER} AS launcher

FROM python:${PYTHON}-slim-bookworm AS build
ARG KENLM=0.3.0
RUN apt-get update && apt-get install --yes --no-install-recommends \
    cmake g++ make libboost-program-options-dev libboost-system-dev libboost-thread-dev libboost-test-dev \
    zlib1g-dev libbz2-dev liblzma-dev
# kenlm's own source package holds lmplz and build_binary beside the Python module.
RUN pip download --no-deps --no-binary kenlm "kenlm==${KENLM}" --dest /source
RUN mkdir /kenlm && tar --extract --gzip --strip-components 1 --file /source/kenlm-*.tar.gz --directory /kenlm
RUN cmake -S /kenlm -B /kenlm/build -DCMAKE_BUILD_TYPE=Release -DFORCE_STATIC=ON \
    && make -C /kenlm/build --jobs 4 lmplz build_binary
# It has no wheel: built here, so that the image itself needs no compiler.
RUN pip wheel --no-deps --wheel-dir /wheels /source/kenlm-*.tar.gz

FROM python:${PYTHON}-slim-bookworm
ARG BEAM
ARG EXTRAS=gcp,aws
COPY --from=build /kenlm/build/bin/lmplz /kenlm/build/bin/build_binary /usr/local/bin/
# Who gets the programs gets their licences and their source: see THIRD_PARTY.md.
COPY --from=build /source /kenlm/LICENSE /kenlm/COPYING /kenlm/COPYING.3 /kenlm/COPYING.LESSER.3 /usr/share/doc/kenlm/
COPY --from=build /wheels /wheels
COPY pyproject.toml README.md LICENSE THIRD_PARTY.md /tokenmill/
COPY licenses /tokenmill/licenses
COPY tokenmill /tokenmill/tokenmill
COPY pipeline /tokenmill/pipeline
COPY filters /tokenmill/filters
COPY tokenizer /tokenmill/tokenizer
COPY mixtures /tokenmill/mixtures
COPY trainer /tokenmill/trainer
# A worker refuses to start under another Beam than the boot program's: the versions are the same by construction.
RUN pip install --no-cache-dir --find-links /wheels "/tokenmill[${EXTRAS}]" "apache-beam==${BEAM}" \
    && pip check && rm -r /wheels /tokenmill
# Kernels compile once here, so that no worker's first unit pays for it; and the doctor says that all is there.
RUN python -c "import filters.fingerprint, filters.shingles" && tokenmill doctor

COPY --from=beam /opt/apache/beam /opt/apache/beam
COPY --from=launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
COPY flex-template/launch.py /template/launch.py
# Workers use this Python as it is, instead of making an environment of their own at each start.
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
# What the launcher runs. A job's image is its launcher's too, so no requirements are named and nothing is installed there.
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/template/launch.py
# The user stays root: Dataflow mounts folders of root's that a worker writes to, and the launcher logs below /var/log.
# Workers start through Beam's entry point; the Flex Template service calls the launcher by its path.
ENTRYPOINT ["/opt/apache/beam/boot"]
