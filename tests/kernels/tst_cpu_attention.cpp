// Attention over pages: the scalar kernel against a plain softmax over the unpacked operands, the
// fast ones against the scalar one; pages shuffled, everything unused NaN.
#include "tests/kernels/kernel_fixtures.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace kernels;
using namespace tests;

namespace {

const InstructionSet kFastSets[] = {InstructionSet::Avx2, InstructionSet::Avx512Vnni};

struct Case {
    KvKind kind;
    std::uint32_t kvHeads;
    std::uint32_t headsPerKv;
    std::uint32_t headDim;
    std::uint32_t pairs; // of rotation, for the key bias
    std::uint32_t firstPosition;
    std::uint32_t rows;
    bool bias;
    Pairing pairing;
};

/// A sequence's pages, queries and tables for one case.
struct Scene {
    Case shape;
    KvLayout layout;
    std::vector<std::byte> pool;
    std::vector<std::uint32_t> pages;
    std::vector<float> keys;   // [positions][kvHeads][headDim]
    std::vector<float> values; // the same
    std::vector<float> queries;
    std::vector<float> bias; // [kvHeads][headDim]
    std::vector<float> ropeValues;
    std::vector<float> scratch;
    std::uint32_t length;
    std::size_t width; // of a query row

    Scene(const Case& c, const KernelTable& writer)
        : shape(c),
          layout{c.kind, c.kvHeads, c.headDim},
          length(c.firstPosition + c.rows),
          width(std::size_t{c.kvHeads} * c.headsPerKv * c.headDim) {
        const std::uint32_t pageCount = (length + 31) / 32;
        pool.assign(layout.layerBytes() * (pageCount + 2), std::byte{0xFF});
        for (std::uint32_t p = 0; p < pageCount; ++p)
            pages.push_back(pageCount - p); // shuffled: backwards, from 1
        const std::size_t kvWidth = std::size_t{c.kvHeads} * c.headDim;
        keys = randomFloats(length * kvWidth, 1);
        values = randomFloats(length * kvWidth, 2);
        queries = randomFloats(c.rows * width, 3);
        bias = randomFloats(kvWidth, 4, 2);
        fillRope(pageCount);
        scratch.assign(attentionScratchFloats(layout, c.headsPerKv, length),
                       std::numeric_limits<float>::quiet_NaN());
        for (std::uint32_t p = 0; p < length; ++p)
            for (std::uint32_t h = 0; h < c.kvHeads; ++h)
                writer.storeKv(layout, pool.data() + pages[p / 32] * layout.layerBytes(), h, p,
                               keys.data() + p * kvWidth + std::size_t{h} * c.headDim,
                               values.data() + p * kvWidth + std::size_t{h} * c.headDim);
    }

    void fillRope(std::uint32_t pageCount) {
        const auto angles = randomFloats(std::size_t{shape.pairs} * pageCount * 32, 5);
        ropeValues.resize(angles.size() * 2);
        for (std::uint32_t p = 0; p < pageCount * 32; ++p)
            for (std::uint32_t i = 0; i < shape.pairs; ++i) {
                const std::size_t at = p / 32 * std::size_t{shape.pairs} * 64 + p % 32;
                const float angle = angles[std::size_t{p} * shape.pairs + i];
                ropeValues[at + std::size_t{i} * 32] = std::cos(angle);
                ropeValues[at + std::size_t{shape.pairs + i} * 32] = std::sin(angle);
            }
    }

    RopeTables rope() const { return {ropeValues.data(), shape.pairs, shape.pairing}; }

    std::vector<float> run(const KernelTable& table) {
        std::vector<float> out(queries.size());
        for (std::uint32_t h = 0; h < shape.kvHeads; ++h) {
            AttentionTask task;
            task.layout = layout;
            task.pool = pool.data();
            task.pageStride = layout.layerBytes();
            task.pages = pages.data();
            task.kvHead = h;
            task.headsPerKv = shape.headsPerKv;
            task.firstPosition = shape.firstPosition;
            task.rows = shape.rows;
            const std::size_t column = std::size_t{h} * shape.headsPerKv * shape.headDim;
            task.queries = queries.data() + column;
            task.queryStride = width;
            task.out = out.data() + column;
            task.outStride = width;
            task.scale = 0.2F;
            task.keyBias = shape.bias ? bias.data() + std::size_t{h} * shape.headDim : nullptr;
            task.rope = rope();
            task.scratch = scratch.data();
            table.attention(task);
        }
        return out;
    }

    /// Plain softmax over keys with the turned bias added, in double.
    std::vector<float> plain() const {
        std::vector<float> out(queries.size());
        for (std::uint32_t r = 0; r < shape.rows; ++r)
            for (std::uint32_t h = 0; h < shape.kvHeads * shape.headsPerKv; ++h)
                plainHead(r, h, out);
        return out;
    }

    void plainHead(std::uint32_t r, std::uint32_t h, std::vector<float>& out) const {
        const std::size_t dim = shape.headDim;
        const std::size_t kv = h / shape.headsPerKv;
        const float* q = queries.data() + r * width + h * dim;
        std::vector<double> weights;
        double sum = 0;
        for (std::uint32_t p = 0; p <= shape.firstPosition + r; ++p) {
            std::vector<float> key(keys.begin() + static_cast<long>((p * shape.kvHeads + kv) * dim),
                                   keys.begin() +
                                       static_cast<long>((p * shape.kvHeads + kv + 1) * dim));
            if (shape.bias) {
                std::vector<float> turned(bias.begin() + static_cast<long>(kv * dim),
                                          bias.begin() + static_cast<long>((kv + 1) * dim));
                kernelTable(InstructionSet::Scalar).rope(turned.data(), rope(), p);
                for (std::size_t i = 0; i < dim; ++i)
                    key[i] += turned[i];
            }
            double score = 0;
            for (std::size_t i = 0; i < dim; ++i)
                score += static_cast<double>(q[i]) * key[i];
            weights.push_back(std::exp(score * 0.2));
            sum += weights.back();
        }
        for (std::size_t i = 0; i < dim; ++i) {
            double value = 0;
            for (std::size_t p = 0; p < weights.size(); ++p)
                value += weights[p] * values[(p * shape.kvHeads + kv) * dim + i];
            out[r * width + h * dim + i] = static_cast<float>(value / sum);
        }
    }
};

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const KvKind kind : {KvKind::F32, KvKind::BF16, KvKind::Int8})
        for (const bool bias : {false, true})
            for (const Pairing pairing : {Pairing::Halves, Pairing::Adjacent}) {
                all.push_back({kind, 1, 1, 2, 1, 0, 1, bias, pairing});
                all.push_back({kind, 2, 3, 64, 32, 0, 8, bias, pairing});
                all.push_back({kind, 1, 6, 128, 64, 70, 1, bias, pairing});
                all.push_back({kind, 2, 1, 80, 40, 29, 8, bias, pairing});
                all.push_back({kind, 1, 2, 6, 2, 31, 3, bias, pairing});
                all.push_back({kind, 3, 2, 34, 17, 60, 7, bias, pairing});
                all.push_back({kind, 1, 4, 96, 24, 33, 5, bias, pairing});
            }
    return all;
}

} // namespace

class TstCpuAttention : public QObject {
    Q_OBJECT

  private slots:
    void scalarEqualsPlainSoftmax() {
        for (const Case& c : cases()) {
            Scene scene(c, kernelTable(InstructionSet::Scalar));
            const double error =
                relativeError(scene.run(kernelTable(InstructionSet::Scalar)), scene.plain());
            const double limit = c.kind == KvKind::F32    ? 1e-5
                                 : c.kind == KvKind::BF16 ? 1e-2
                                                          : 3e-2;
            QVERIFY2(error < limit, qPrintable(QString::number(error)));
        }
    }

    void fastEqualsScalar() {
        for (const InstructionSet set : kFastSets)
            for (const Case& c : cases()) {
                Scene scene(c, kernelTable(InstructionSet::Scalar));
                const auto slow = scene.run(kernelTable(InstructionSet::Scalar));
                const double error = relativeError(scene.run(kernelTable(set)), slow);
                QVERIFY2(error < 1e-4, qPrintable(QString::number(error)));
            }
    }

    void storedPagesAreTheSameBytes() {
        for (const InstructionSet set : kFastSets)
            for (const Case& c : cases()) {
                const Scene slow(c, kernelTable(InstructionSet::Scalar));
                const Scene fast(c, kernelTable(set));
                QVERIFY(slow.pool == fast.pool);
            }
    }

    /// Rows computed together or one by one: the same bits.
    void rowsAreIndependent() {
        for (const InstructionSet set : kFastSets)
            for (Case c : cases()) {
                Scene together(c, kernelTable(set));
                const auto expected = together.run(kernelTable(set));
                const std::vector<float> all = together.queries;
                const std::uint32_t rows = c.rows;
                for (std::uint32_t r = 0; r < rows; ++r) {
                    together.shape.firstPosition = c.firstPosition + r;
                    together.shape.rows = 1;
                    const auto begin = static_cast<long>(r * together.width);
                    const auto end = static_cast<long>((r + 1) * together.width);
                    together.queries.assign(all.begin() + begin, all.begin() + end);
                    const auto alone = together.run(kernelTable(set));
                    QVERIFY(std::equal(alone.begin(), alone.end(), expected.begin() + begin));
                }
            }
    }
};

INGLENOOK_SUITE(cpu_attention, TstCpuAttention)
#include "tst_cpu_attention.moc"
