#include "ui/theme.h"

namespace ui {

Palette lightPalette() {
    return {QColor(0xFAF8F5),
            QColor(0xFFFFFF),
            QColor(0xF1EDE7),
            QColor(0xDDD6CC),
            QColor(0x1F1B16),
            QColor(0x6B6258),
            QColor(0xB8450B),
            QColor(0xFFFFFF),
            QColor(0x2A7230),
            QColor(0x8A5A00),
            QColor(0xB3261E),
            QColor(0x1F5FA8),
            {QColor(0xB8450B), QColor(0x1F5FA8), QColor(0x2A7230), QColor(0x7B3FA0),
             QColor(0x8A5A00), QColor(0x00707A)},
            false};
}

Palette darkPalette() {
    return {QColor(0x161412),
            QColor(0x1F1C19),
            QColor(0x100E0D),
            QColor(0x38332D),
            QColor(0xEFEAE3),
            QColor(0xA89E92),
            QColor(0xF08A4B),
            QColor(0x1B120B),
            QColor(0x7CC47F),
            QColor(0xE0AE4A),
            QColor(0xF2867C),
            QColor(0x86B6F0),
            {QColor(0xF08A4B), QColor(0x86B6F0), QColor(0x7CC47F), QColor(0xC79BE8),
             QColor(0xE0AE4A), QColor(0x5CC8D0)},
            true};
}

} // namespace ui
