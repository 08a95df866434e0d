// What the shared library exports.
#pragma once

#define SAKER_API __attribute__((visibility("default")))
