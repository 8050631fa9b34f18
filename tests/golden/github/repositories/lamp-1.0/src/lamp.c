/*
 * lamp.c - turns the lamp, one flash in five seconds.
 *
 * Copyright (c) 2026 The Keepers. All rights reserved.
 * Use of this source code is governed by the MIT license that can be
 * found in the LICENSE file.
 */

#include "lamp.h"

/* Copyright of the drawing: the board. */
int flash(int seconds) {
    return seconds % 5 == 0;
}
