/* Boxes: Pascal VOC with and without lists, what is wrong by file and line, and a real set. */
#include "cairn/detection.h"

#include <sys/stat.h>

#include "config.h"
#include "data/real.h"
#include "test.h"

static void put(const char *name, const char *text)
{
    test_write_file(test_path(name), text, strlen(text));
}

#define OBJECT(name, x0, y0, x1, y1)                                                               \
    "<object><name>" name "</name><difficult>1</difficult><part><name>head</name><bndbox>"         \
    "<xmin>1</xmin></bndbox></part><bndbox><xmin>" x0 "</xmin><ymin>" y0 "</ymin><xmax>" x1        \
    "</xmax><ymax>" y1 "</ymax></bndbox></object>\n"
#define ANNOTATION(file, objects)                                                                  \
    "<?xml version=\"1.0\"?>\n<annotation><filename>" file                                         \
    "</filename><size><width>50</width><height>40</height></size>\n" objects "</annotation>\n"

static void put_all(void)
{
    mkdir(test_path("v"), 0777);
    mkdir(test_path("v/Annotations"), 0777);
    put("v/Annotations/b.xml", ANNOTATION("b.jpg", OBJECT(" zebra\n", "2", "3", "11", "5.5")
                                                       OBJECT("ant", "7", "7", "7", "9")
                                                           OBJECT("ant", "1", "1", "50", "40")));
    put("v/Annotations/a.xml", ANNOTATION("a.jpg", ""));
    put("v/Annotations/c.xml", ANNOTATION("c &amp; d.png", OBJECT("bee", "1", "1", "2", "2")));
}

static cairn_detections *open_all(double test_fraction)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options o = cairn_data_defaults();
    o.test_fraction = test_fraction;
    cairn_detections *d = cairn_detections_open(test_path("v"), &o, &status);
    CHECK_OK(status);
    return d;
}

TEST(annotations_without_lists)
{
    if (!CAIRN__HAVE_EXPAT)
        return;
    put_all();
    cairn_detections *d = open_all(0);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 3);
    CHECK_INT(cairn_detections_classes(d), 3);
    CHECK_TEXT(cairn_detections_class_name(d, 0), "ant");
    CHECK_TEXT(cairn_detections_class_name(d, 2), "zebra");
    CHECK_INT(cairn_detections_skipped(d), 1);
    cairn_detection_item a = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 0);
    CHECK_CONTAINS(a.file, "/v/JPEGImages/a.jpg");
    CHECK_INT(a.width, 50);
    CHECK_INT(a.height, 40);
    CHECK_INT(a.count, 0);
    cairn_detection_item b = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 1);
    CHECK_INT(b.count, 2);
    CHECK_INT(b.boxes[0].label, 2);
    CHECK(b.boxes[0].difficult);
    CHECK_NEAR((double)b.boxes[0].x, 1, 0);
    CHECK_NEAR((double)b.boxes[0].y, 2, 0);
    CHECK_NEAR((double)b.boxes[0].width, 10, 0);
    CHECK_NEAR((double)b.boxes[0].height, 3.5, 0);
    CHECK_INT(b.boxes[1].label, 0);
    CHECK_NEAR((double)b.boxes[1].width, 50, 0);
    CHECK_CONTAINS(cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 2).file, "/c & d.png");
    cairn_detections_free(d);
    d = open_all(0.4);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 2);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TEST), 1);
    cairn_detections_free(d);
}

TEST(annotations_by_lists)
{
    if (!CAIRN__HAVE_EXPAT)
        return;
    put_all();
    mkdir(test_path("v/ImageSets"), 0777);
    mkdir(test_path("v/ImageSets/Main"), 0777);
    put("v/ImageSets/Main/train.txt", "c\r\n\nb \n");
    put("v/ImageSets/Main/val.txt", "a\n");
    cairn_detections *d = open_all(0.5);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 2);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TEST), 1);
    cairn_detection_item c = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 0);
    CHECK_INT(c.count, 1);
    CHECK_INT(c.boxes[0].label, 1);
    cairn_detections_free(d);
    cairn_status status = CAIRN_STATUS_INIT;
    put("v/ImageSets/Main/train.txt", "b\n../b\n");
    CHECK(!cairn_detections_open(test_path("v"), NULL, &status));
    CHECK_CONTAINS(status.message, "train.txt:2: a name with a folder in it");
}

TEST(what_is_wrong_in_an_annotation_is_named)
{
    static const struct {
        const char *text, *sentence;
    } all[] = {
        {"<annotation>\n<size>\n</annotation>", "x.xml:3: mismatched tag"},
        {"", "x.xml:1: no element found"},
        {"<!DOCTYPE a [<!ENTITY b \"c\">]><annotation/>",
         "x.xml:1: a document type declaration, expected none: 'a'"},
        {ANNOTATION("../../x.jpg", ""), "the filename is '../../x.jpg', expected one without"},
        {ANNOTATION("x.jpg", "<object><name>a</name></object>"),
         "x.xml:3: an object without name, xmin, ymin, xmax or ymax: 'a'"},
        {ANNOTATION("x.jpg", "\n" OBJECT("a", "1", "nan", "2", "2")),
         "x.xml:4: expected a number of pixels, found 'nan'"},
        {"<annotation><filename>x.jpg</filename></annotation>", "a picture of 0 x 0 pixels"},
    };
    mkdir(test_path("w"), 0777);
    mkdir(test_path("w/Annotations"), 0777);
    for (size_t i = 0; i < CAIRN__COUNT(all); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        put("w/Annotations/x.xml", all[i].text);
        CHECK(!cairn_detections_open(test_path("w"), NULL, &status));
        CHECK_INT(status.code, CAIRN__HAVE_EXPAT ? CAIRN_ERR_FORMAT : CAIRN_ERR_MISSING);
        CHECK_CONTAINS(status.message, CAIRN__HAVE_EXPAT ? all[i].sentence : "lacks expat");
    }
}

/* Blood cells: 205 and 36 pictures by the lists; two boxes of the whole set have no area. */
TEST(a_real_set_has_the_boxes_that_are_known)
{
    cairn_status status = CAIRN_STATUS_INIT;
    char path[1024];
    if (!CAIRN__HAVE_EXPAT || !real_path("bccd", path))
        return;
    cairn_detections *d = cairn_detections_open(path, NULL, &status);
    CHECK_OK(status);
    if (!d)
        return;
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 205);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TEST), 36);
    CHECK_INT(cairn_detections_classes(d), 3);
    CHECK_TEXT(cairn_detections_class_name(d, 1), "RBC");
    for (int64_t i = 0; i < 205; i++) {
        cairn_detection_item item = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, i);
        CHECK(access(item.file, R_OK) == 0);
        CHECK(item.width == 640 && item.height == 480 && item.count > 0);
        for (int64_t b = 0; b < item.count; b++)
            CHECK(item.boxes[b].x >= -1 && item.boxes[b].y >= -1 &&
                  item.boxes[b].x + item.boxes[b].width <= 640 &&
                  item.boxes[b].y + item.boxes[b].height <= 480);
    }
    cairn_detections_free(d);
}
