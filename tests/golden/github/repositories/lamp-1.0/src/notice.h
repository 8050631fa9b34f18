// Copyright 2026 The Keepers.
// SPDX-License-Identifier: MIT
