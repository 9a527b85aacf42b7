// Products of int8 rows (W8A8, digit rows) at the ends of their numbers:
// saturated, where every integer of both operands is 127 or -127, and with a value that is not
// finite in one row, which must come out of that row's product as such and touch no other row.
// usage: inglenook_gemm_extremes [saturated] [faults]   default: both
#include "kernels/cuda/gemm_w8a8_launch.cuh"
#include "tests/bench/check_bed.cuh"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

using namespace kernels::cuda;

namespace {

constexpr std::uint32_t kWeightRows = 256;
constexpr std::uint32_t kColumns = 1152; // two runs of 512 and a shorter one
constexpr std::uint32_t kGroups = kColumns / 128;
constexpr float kWeightScale = 0x1p-10F; // exact in fp16
constexpr std::uint16_t kWeightScaleBits = 0x1400;

/// Signs of a row's columns: all one, all the other, or in turn.
float signOf(std::uint32_t row, std::uint32_t k) {
    const float signs[3] = {1, -1, k % 2 == 0 ? 1.0F : -1.0F};
    return signs[row % 3];
}

template<typename T>
class OnDevice {
  public:
    explicit OnDevice(std::size_t count) : m_count(count) {
        void* memory = nullptr;
        CHECK(cudaMalloc(&memory, count * sizeof(T)));
        CHECK(cudaMemset(memory, 0, count * sizeof(T)));
        m_data = static_cast<T*>(memory);
    }
    explicit OnDevice(const std::vector<T>& values) : OnDevice(values.size()) { put(values); }
    ~OnDevice() { (void)cudaFree(m_data); }
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;

    T* data() const { return m_data; }
    void put(const std::vector<T>& values) {
        CHECK(cudaMemcpy(m_data, values.data(), m_count * sizeof(T), cudaMemcpyHostToDevice));
    }
    std::vector<T> get() const {
        std::vector<T> values(m_count);
        CHECK(cudaMemcpy(values.data(), m_data, m_count * sizeof(T), cudaMemcpyDeviceToHost));
        return values;
    }

  private:
    std::size_t m_count;
    T* m_data = nullptr;
};

/// Every weight 127 or -127.
struct Weights {
    OnDevice<std::int8_t> values{std::size_t{kWeightRows} * kColumns}; // [rows][columns]
    OnDevice<std::uint16_t> scales{
        std::vector<std::uint16_t>(kWeightRows * kGroups, kWeightScaleBits)};
    Matrix matrix;

    Weights() {
        std::vector<std::int8_t> all;
        for (std::uint32_t row = 0; row < kWeightRows; ++row)
            for (std::uint32_t k = 0; k < kColumns; ++k)
                all.push_back(static_cast<std::int8_t>(127 * signOf(row, k)));
        values.put(all);
        matrix.kind = WeightKind::Int8;
        matrix.group = 128;
        matrix.rows = kWeightRows;
        matrix.columns = kColumns;
        matrix.values = reinterpret_cast<std::byte*>(values.data());
        matrix.scales = scales.data();
    }
};

/// A way from fp32 rows [tokens][kColumns] to a product [tokens][kWeightRows].
struct Form {
    const char* name;
    std::uint32_t tokens;
    void (*multiply)(const RowSource&, const TensorProduct&);
};
void multiplyInt8(const RowSource& source, const TensorProduct& product) {
    Int8Rows rows;
    rows.paddedColumns = kColumns;
    rows.stride = (source.rows + kInt8RowPadding - 1) / kInt8RowPadding * kInt8RowPadding;
    const OnDevice<std::int8_t> values(std::size_t{source.rows} * kColumns);
    const OnDevice<float> scales(std::size_t{int8Runs(kColumns)} * rows.stride);
    rows.values = values.data();
    rows.scales = scales.data();
    CHECK(quantizeRows(source, rows, nullptr));
    CHECK(launchInt8Gemm(product, rows, nullptr));
    CHECK(cudaDeviceSynchronize());
}
void multiplyDigits(const RowSource& source, const TensorProduct& product) {
    DigitRows rows;
    rows.planeRows = source.rows;
    rows.stride = kMostDigitRows;
    rows.paddedColumns = kColumns;
    const OnDevice<std::int8_t> values(std::size_t{2} * source.rows * kColumns);
    const OnDevice<float> scales(std::size_t{kMostDigitRows} * kGroups);
    rows.values = values.data();
    rows.scales = scales.data();
    CHECK(digitRows(source, rows, nullptr));
    CHECK(digitGemm(product, rows, tests::deviceLimits(), nullptr));
    CHECK(cudaDeviceSynchronize());
}
constexpr Form kForms[] = {{"w8a8", 300, multiplyInt8},
                           {"digits of 8 rows", 8, multiplyDigits},
                           {"digits of 40 rows", 40, multiplyDigits}};

std::vector<float> multiply(const Form& form, const Weights& weights, const std::vector<float>& x) {
    const OnDevice<float> in(x);
    const OnDevice<float> out(std::size_t{form.tokens} * kWeightRows);
    RowSource source;
    source.x = in.data();
    source.stride = source.columns = kColumns;
    source.rows = form.tokens;
    TensorProduct product;
    product.matrices[0] = weights.matrix;
    product.matrixCount = 1;
    product.outs[0] = out.data();
    product.outStrides[0] = kWeightRows;
    product.rows = form.tokens;
    form.multiply(source, product);
    return out.get();
}

/// Values of one magnitude: the integers are 127 or -127.
std::vector<float> saturatedRows(std::uint32_t tokens) {
    std::vector<float> x;
    for (std::uint32_t token = 0; token < tokens; ++token)
        for (std::uint32_t k = 0; k < kColumns; ++k)
            x.push_back(signOf(token / 3, k) * (0.7F + 0.01F * static_cast<float>(token % 7)));
    return x;
}

/// Sums of runs reach both ends of what they may be: an error of one of them would be as large as
/// the sum. Against the exact product.
int checkSaturated() {
    constexpr double kLimit = 1e-4; // of the largest
    const Weights weights;
    int failures = 0;
    for (const Form& form : kForms) {
        const std::vector<float> x = saturatedRows(form.tokens);
        const std::vector<float> out = multiply(form, weights, x);
        double worst = 0;
        for (std::uint32_t token = 0; token < form.tokens; ++token)
            for (std::uint32_t row = 0; row < kWeightRows; ++row) {
                double exact = 0;
                double largest = 0;
                for (std::uint32_t k = 0; k < kColumns; ++k) {
                    const double term = double{x[std::size_t{token} * kColumns + k]} * 127 *
                                        kWeightScale * signOf(row, k);
                    exact += term;
                    largest += std::fabs(term);
                }
                const double error =
                    std::fabs(out[std::size_t{token} * kWeightRows + row] - exact) / largest;
                worst = std::isfinite(error) ? std::max(worst, error)
                                             : std::numeric_limits<double>::infinity();
            }
        const bool good = worst <= kLimit;
        failures += good ? 0 : 1;
        std::printf("%s, saturated: off by %.1e of the largest, limit %.0e, %s\n", form.name, worst,
                    kLimit, good ? "right" : "WRONG");
    }
    return failures;
}

/// How many of a row's products are finite.
std::uint32_t finiteOf(const std::vector<float>& out, std::uint32_t token) {
    std::uint32_t finite = 0;
    for (std::uint32_t row = 0; row < kWeightRows; ++row)
        finite += std::isfinite(out[std::size_t{token} * kWeightRows + row]) ? 1 : 0;
    return finite;
}

int checkFaults() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const Weights weights;
    int failures = 0;
    for (const Form& form : kForms) {
        const std::vector<float> whole = saturatedRows(form.tokens);
        const std::vector<float> expected = multiply(form, weights, whole);
        std::uint32_t hidden = 0;
        std::uint32_t spread = 0;
        for (const float fault : {std::nanf(""), kInfinity, -kInfinity})
            for (const std::uint32_t column : {0U, 700U, kColumns - 1}) {
                const std::uint32_t token = column % form.tokens;
                std::vector<float> x = whole;
                x[std::size_t{token} * kColumns + column] = fault;
                std::vector<float> out = multiply(form, weights, x);
                hidden += finiteOf(out, token);
                const auto at = static_cast<std::ptrdiff_t>(std::size_t{token} * kWeightRows);
                std::copy_n(expected.begin() + at, kWeightRows, out.begin() + at);
                spread += std::memcmp(out.data(), expected.data(), out.size() * 4) == 0 ? 0 : 1;
            }
        const bool good = hidden == 0 && spread == 0;
        failures += good ? 0 : 1;
        std::printf(
            "%s, NaN and infinities: %u values hide one, %u products of other rows changed, "
            "%s\n",
            form.name, hidden, spread, good ? "right" : "WRONG");
    }
    return failures;
}

} // namespace

int main(int argc, char** argv) {
    return tests::runParts(argc, argv, {{"saturated", checkSaturated}, {"faults", checkFaults}});
}
