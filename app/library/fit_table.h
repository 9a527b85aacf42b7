#pragma once
// FitTable: what one model would take on one device, for every choice of weights and context, and
// what could be done where it does not fit. Values; any thread.

#include <QDateTime>
#include <QList>
#include <QMetaType>
#include <QString>
#include <QStringList>

namespace app {

/// A device to plan for.
struct FitDevice {
    QString word; // of --device: "cpu", "cuda:0"
    QString name; // "CPU · AVX-512 VNNI · 2 threads"
};

struct FitQuestion {
    QString path;
    QString device;     // of FitDevice, or several GPUs: "cuda:0,1", "cuda:0=60,1=40"
    QString kv;         // auto f32 bf16 int8
    int slotCount = 16; // answers that run together
    QString split = {}; // how several GPUs work together: auto tensor layer replicas
    bool operator==(const FitQuestion&) const = default;
};

enum class FitVerdict {
    Fits,
    Tight, ///< fits, and leaves less than a tenth of what is free
    No,
    Unknown ///< could not be planned: see the cell's sentence
};

/// Bytes on one device.
struct FitBytes {
    QString device; // "CPU", "CUDA 0"
    quint64 weights_bytes = 0;
    quint64 kv_bytes = 0;
    quint64 workspace_bytes = 0;
    quint64 free_bytes = 0; // with what loaded models would give back; 0 = not known

    quint64 total() const { return weights_bytes + kv_bytes + workspace_bytes; }
};

/// Something else that fits.
struct FitWayOut {
    enum class Kind { SmallerContext, FewerBits, SmallerKv, FewerSlots, OtherDevice };
    Kind kind = Kind::SmallerContext;
    QString value; // "8192", "int4", "int8", "4", a device's name
    quint64 total_bytes = 0;
};

struct FitCell {
    QString weights;
    int contextTokens = 0;
    FitVerdict verdict = FitVerdict::Unknown;
    QList<FitBytes> devices;
    double tokensPerSecond = 0; // predicted, one answer with 1,000 tokens before it; 0 = not known
    /// Of several GPUs: the same on the first of them alone; 0 = not known, or it does not fit.
    double aloneTokensPerSecond = 0;
    QString sentence;         // why not
    QList<FitWayOut> waysOut; // of No

    quint64 total() const {
        quint64 sum = 0;
        for (const FitBytes& device : devices)
            sum += device.total();
        return sum;
    }
};

struct FitTable {
    FitQuestion question;
    QString deviceName;
    QString failure;            // the device or the file cannot be used; then there are no cells
    quint64 released_bytes = 0; // what loaded models hold there: counted as free
    QDateTime measuredAt;       // what the speeds are predicted from; invalid = never
    QStringList weights;        // rows
    QList<int> contexts;        // columns
    QList<FitCell> cells;       // row by row

    const FitCell& cell(int row, int column) const {
        return cells.at(row * contexts.size() + column);
    }
};

} // namespace app

Q_DECLARE_METATYPE(app::FitTable)
