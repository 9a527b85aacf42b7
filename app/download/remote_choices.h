#pragma once
// What of a repository can be fetched as one model, which of it this version can compute, and
// whether it fits. Pure functions.

#include "app/download/memory_need.h"

namespace app {

/// What is free, in bytes; -1: not known.
struct FreeRoom {
    qint64 disk_bytes = -1;   ///< of the folder for models
    qint64 memory_bytes = -1; ///< of the device that would compute: host memory, or GPUs'
};

/// Whether the files of a choice fit, by memoryNeed().
RemoteFit fitOf(const RemoteChoice& choice, const FreeRoom& room, const LoadWish& wish);

/// Quantizations of .gguf files (parts of a split one together), smallest first; then a folder of
/// safetensors, if there is one. One of those that fit is recommended.
QList<RemoteChoice> choicesOf(const RemoteRepository& repository, const FreeRoom& room,
                              const LoadWish& wish = {});

/// "Q4_K_M" of "Model-7B-Q4_K_M-00001-of-00002.gguf"; empty when the name tells none.
QString quantizationOf(const QString& fileName);
/// Whether this version computes all formats that files of this name hold.
bool isQuantizationSupported(const QString& quantization);

} // namespace app
